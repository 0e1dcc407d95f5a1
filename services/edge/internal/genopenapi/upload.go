package main

import (
	"fmt"
	"maps"

	"google.golang.org/protobuf/reflect/protoreflect"

	"headway/services/edge/internal/upload"
	"headway/services/edge/internal/webjson"
)

// uploadPaths take a file, and the options of an upload.
var uploadPaths = []string{"/api/v1/imports", "/api/v1/previews"}

// addUploadOptions describes the options of an upload as the proto does: as parameters of the query, and as fields of the
// form. routes.yaml has the file itself, and everything else that exists only in HTTP.
func addUploadOptions(doc, schemas map[string]any) error {
	for _, path := range uploadPaths {
		if err := addOptionsTo(path, doc, schemas); err != nil {
			return err
		}
	}
	return nil
}

func addOptionsTo(uploadPath string, doc, schemas map[string]any) error {
	operation := object(doc, "paths", uploadPath, "post")
	parameters, _ := operation["parameters"].([]any) // there may be none
	fields := object(operation, "requestBody", "content", "multipart/form-data", "schema", "properties")
	if fields == nil {
		return fmt.Errorf("routes.yaml has no form for POST %s", uploadPath)
	}
	for _, option := range upload.Options() {
		property := object(schemas, string(option.Parent().FullName()), "properties", option.JSONName())
		if property == nil {
			return fmt.Errorf("the plugin does not describe %s", option.FullName())
		}
		schema, name := asText(option, property), string(option.Name())
		fields[name] = schema
		inQuery := maps.Clone(schema)
		delete(inQuery, "description")
		parameters = append(parameters, map[string]any{"name": name, "in": "query", "description": schema["description"], "schema": inQuery})
	}
	operation["parameters"] = parameters
	return nil
}

// asText returns the schema of an option as a field of a form: a list or an object is JSON text there.
func asText(option protoreflect.FieldDescriptor, property map[string]any) map[string]any {
	schema := maps.Clone(property)
	if option.Enum() != nil {
		delete(schema, "$ref")
		schema["type"], schema["enum"] = "string", webjson.Words(option.Enum()) // an option without a value is left out
		return schema
	}
	if !option.IsList() && !option.IsMap() {
		return schema
	}
	delete(schema, "description")
	return map[string]any{
		"type": "string", "description": property["description"], "contentMediaType": "application/json", "contentSchema": schema,
	}
}
