-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "fc2247c7032ba4cce2b5a893e9db6d66b1c2ee41bf8a7be5303728b3ff1d0fe6",
  time = "2026-11-28T15:48:57.196440742Z",
}
