-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 3,
  sha256 = "cd7299872d6d9d9538c915a8f0c373adedcec7cdf6d61d06e7f4c04c6b120c37",
  time = "2026-11-28T15:48:57.196440742Z",
}
