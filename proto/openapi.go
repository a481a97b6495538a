// Package contract holds the contract in forms that programs serve to others. The contract itself is in the .proto files
// beside it, and its Go code in gen.
package contract

import _ "embed"

//go:embed openapi/okr.swagger.json
var openAPI []byte

// OpenAPI is the description of the REST API in OpenAPI 2.0, as JSON. The caller must not change it.
func OpenAPI() []byte { return openAPI }
