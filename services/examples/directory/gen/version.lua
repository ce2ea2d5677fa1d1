-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "9748acf780046b14f2558ce75ba29a0821a9144b711fd5e79350c341c060ace2",
  time = "2026-11-28T15:32:09.736800133Z",
}
