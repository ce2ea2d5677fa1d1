-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "11a00d236808db7aeaca23f3dc162799efd7f303a2dcd0e94e555c6699bfd15e",
  time = "2026-11-28T15:18:50.692046612Z",
}
