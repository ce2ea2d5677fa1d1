-- Generated from service.yaml by `moonbus gen`; do not edit.

return {
  version = 1,
  sha256 = "f9e8fb40dbb0c1008846b2cea36f7c6eea73226fdd5150dcf9cdd344f0f871bc",
  time = "2026-11-28T15:00:49.554141803Z",
}
