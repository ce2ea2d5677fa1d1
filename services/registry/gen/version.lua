-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 2,
  sha256 = "14dff6ee8155f9cab972e355915a1e25e752b8a19fa4d5c6dd67c132ec84fcd5",
  time = "2026-11-28T15:06:38.447198307Z",
}
