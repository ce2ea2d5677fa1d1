-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "735d2e381c6db73a2dad89d8a5005835fd99eac18c588d2026e858eaa7b728fe",
  time = "2026-11-28T17:48:40.273282341Z",
}
