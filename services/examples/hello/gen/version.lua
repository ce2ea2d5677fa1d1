-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "231dd490d7caf67f587c29618e0ed76bcbaed9303edffb2fd5b53fa23d0edeb4",
  time = "2026-11-28T19:20:43.036066807Z",
}
