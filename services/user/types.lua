-- What crosses the wire. Optional fields are left out when they are empty.

---@class Empty

---@class ContactInput
---@field id string e-mail address or the like
---@field platform string "email", ...
---@field otpId? string
---@field otpCode? string

---@class Caller the account behind a token
---@field id string
---@field slug string
---@field app string
---@field device string
---@field roles string[]
---@field expires integer when the token does, in seconds since the epoch
---@field organization? string

---@class RegisterRequest
---@field appHost? string the app to log in to; left out: "unnamed"
---@field slug? string unique short name: lower-case letters, digits, single dashes inside
---@field name? string
---@field password? string
---@field device? string
---@field contact? ContactInput

---@class LoginRequest
---@field appHost? string
---@field slug? string
---@field password? string
---@field device? string
---@field contact? ContactInput

---@class App
---@field id string
---@field host string

---@class Token
---@field internalId string
---@field appId string
---@field id string
---@field createdAt string RFC 3339
---@field updatedAt string RFC 3339
---@field userId string
---@field token string compact JWS
---@field device string
---@field lastRefreshedAt? string RFC 3339
---@field expiresAt string RFC 3339
---@field active? boolean
---@field app App

---@class TokenResponse
---@field token Token

---@class ReadSelfRequest
---@field countTokens? boolean

---@class User
---@field id string
---@field createdAt string RFC 3339
---@field updatedAt string RFC 3339
---@field name? string
---@field slug string
---@field thumbnailFileId? string
---@field labels? table<string, string>

---@class Contact
---@field id string
---@field createdAt string RFC 3339
---@field updatedAt string RFC 3339
---@field userId string
---@field platform string
---@field handle string
---@field verified? boolean
---@field isPrimary? boolean

---@class ReadSelfResponse
---@field user User
---@field roles? string[]
---@field contacts? Contact[]
---@field activeOrganizationId? string
---@field tokenCount integer

---@class PublicKeyResponse
---@field publicKey string PEM, SubjectPublicKeyInfo

---@class ChangePasswordRequest
---@field currentPassword? string
---@field newPassword? string

---@class ResetPasswordRequest
---@field newPassword? string

---@class HasPermissionResponse
---@field authorized boolean
---@field appId string
---@field until string RFC 3339, second precision
---@field user User
---@field app App

---@class ListPermissionsRequest
---@field roles? string[]

---@class ListPermissionsResponse
---@field permissions string[]

---@class PermitInput
---@field id? string
---@field appHost? string left out: the caller's app; "*": all apps
---@field permission? string
---@field slugs? string[]
---@field roles? string[]

---@class SavePermitsRequest
---@field permits? PermitInput[]

---@class ListPermitsRequest
---@field permission? string
---@field slug? string

---@class Permit
---@field internalId string
---@field appId string
---@field id string
---@field createdAt string RFC 3339
---@field updatedAt string RFC 3339
---@field deletedAt string RFC 3339
---@field permission string
---@field slugs? string[]
---@field roles? string[]

---@class ListPermitsResponse
---@field permits Permit[]

---@class ListUsersRequest
---@field ids? string[]
---@field search? string a slug, a name or a contact id, exactly
---@field contactId? string
---@field limit? integer
---@field afterTime? string RFC 3339
---@field order? string "asc" or "desc"
---@field orderBy? string "createdAt" or "updatedAt"
---@field count? boolean

---@class UserRecord
---@field id string
---@field createdAt string RFC 3339
---@field updatedAt string RFC 3339
---@field name? string
---@field slug string
---@field contactIds? string[]

---@class ListUsersResponse
---@field users? UserRecord[]
---@field after string RFC 3339
---@field count integer

return {}
