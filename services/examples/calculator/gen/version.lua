-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "bcf9437bd37e0bc6602e1bced308cce7ad496e6804e7b186627e7f9ac57b7c76",
  time = "2026-11-28T19:20:43.036066807Z",
}
