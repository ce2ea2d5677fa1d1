-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 5,
  sha256 = "85340a944ee504ff42c5331cb7a3937c37f316cc8a762b2501d921f656845344",
  time = "2026-11-28T19:25:44.137275099Z",
}
