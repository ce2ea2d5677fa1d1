-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 4,
  sha256 = "a950806fbe3bf17769b1712724443f803974bcf84619ec634bcd1b237121222f",
  time = "2026-11-28T19:20:43.036066807Z",
}
