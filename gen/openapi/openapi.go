// Package openapi holds the OpenAPI 3.1 document of everything that the edge answers: REST and Server-Sent Events.
package openapi

import _ "embed"

// JSON is the document.
//
//go:embed headway.openapi.json
var JSON []byte
