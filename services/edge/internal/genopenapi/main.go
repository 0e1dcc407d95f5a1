// Command genopenapi writes the OpenAPI document of the edge to gen/openapi. `make generate` runs it from the root of the
// repository.
//
// protoc-gen-openapiv3 converts RPCs to OpenAPI: those with a google.api.http route, and those for files, which the
// edge adds to the gateway (fileRoutes). This command adds the routes of the edge itself (routes.yaml), the messages of
// its streams, and webjson's form of enums and numbers.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	_ "headway/gen/go/headway/edge/v1" // registers the messages whose fields are needed
	"headway/services/edge/internal/webjson"
)

const (
	bufProgram    = "bin/buf"
	pluginProgram = "bin/protoc-gen-openapiv3"
	outputFile    = "gen/openapi/headway.openapi.json"

	schemaRef   = "#/components/schemas/"
	errorSchema = "Error"
	// streamFile declares a service that exists only here, so that the plugin describes the messages of streams.
	streamFile = "headway/edge/v1/openapi_streams.proto"
	streamPath = "/streams"
)

// fileRoutes are the routes of RPCs for files. Generated handlers can't serve them, so the protos don't declare them.
var fileRoutes = map[string]*annotations.HttpRule{
	"UploadWorkbook": {Pattern: &annotations.HttpRule_Post{Post: "/api/v1/imports"}, Body: "*"},
	"PreviewFile":    {Pattern: &annotations.HttpRule_Post{Post: "/api/v1/previews"}, Body: "*"},
	"DownloadReport": {Pattern: get("/api/v1/imports/{import_id}/report.xlsx"), AdditionalBindings: []*annotations.HttpRule{
		{Pattern: get("/api/v1/imports/{import_id}/imported.xlsx")}, {Pattern: get("/api/v1/imports/{import_id}/issues.csv")},
	}},
	"GetTemplate": {Pattern: get("/api/v1/schemas/{schema}/template.xlsx")},
	"GetSample":   {Pattern: get("/api/v1/schemas/{schema}/sample.xlsx")},
}

func get(path string) *annotations.HttpRule_Get { return &annotations.HttpRule_Get{Get: path} }

//go:embed routes.yaml
var routes []byte

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "genopenapi:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	files, err := compile(ctx)
	if err != nil {
		return err
	}
	doc, err := describe(ctx, files)
	if err != nil {
		return err
	}
	if err := addRoutes(doc); err != nil {
		return err
	}
	schemas := object(doc, "components", "schemas")
	delete(schemas, "google.rpc.Status")
	speakWebJSON(doc, schemas)
	if err := addRules(doc, schemas); err != nil {
		return err
	}
	if err := addUploadOptions(doc, schemas); err != nil {
		return err
	}
	dropUnused(doc, schemas)
	if err := checkRefs(doc, schemas); err != nil {
		return err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("encode the document: %w", err)
	}
	return os.WriteFile(outputFile, out.Bytes(), 0o644)
}

// compile returns all proto files, dependencies first.
func compile(ctx context.Context) ([]*descriptorpb.FileDescriptorProto, error) {
	image, err := output(exec.CommandContext(ctx, bufProgram, "build", "--as-file-descriptor-set", "-o", "-"), nil)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(image, &set); err != nil {
		return nil, fmt.Errorf("read buf's output: %w", err)
	}
	for _, f := range set.File {
		if f.GetOptions().GetGoPackage() == "" { // the plugin requires one, which is not part of the document
			if f.Options == nil {
				f.Options = &descriptorpb.FileOptions{}
			}
			f.Options.GoPackage = proto.String("headway/" + strings.ReplaceAll(f.GetPackage(), ".", "/"))
		}
	}
	if err := addFileRoutes(set.File); err != nil {
		return nil, err
	}
	return append(set.File, streamService()), nil
}

// addFileRoutes declares the file routes. A streaming call is described as a unary one.
func addFileRoutes(files []*descriptorpb.FileDescriptorProto) error {
	added := 0
	for _, f := range files {
		for _, service := range f.Service {
			for _, method := range service.Method {
				rule := fileRoutes[method.GetName()]
				if rule == nil {
					continue
				}
				if method.Options == nil {
					method.Options = &descriptorpb.MethodOptions{}
				}
				proto.SetExtension(method.Options, annotations.E_Http, rule)
				method.ClientStreaming, method.ServerStreaming = nil, nil
				added++
			}
		}
	}
	if added != len(fileRoutes) {
		return fmt.Errorf("%d of %d calls in fileRoutes exist. Correct fileRoutes", added, len(fileRoutes))
	}
	return nil
}

// streamService returns a service with one call whose response is a stream message.
func streamService() *descriptorpb.FileDescriptorProto {
	options := &descriptorpb.MethodOptions{}
	proto.SetExtension(options, annotations.E_Http, &annotations.HttpRule{Pattern: get(streamPath)})
	return &descriptorpb.FileDescriptorProto{
		Name: proto.String(streamFile), Package: proto.String("headway.edge.v1"), Syntax: proto.String("proto3"),
		Dependency: []string{"headway/edge/v1/stream.proto", "google/api/annotations.proto"},
		Options:    &descriptorpb.FileOptions{GoPackage: proto.String("headway/headway/edge/v1")},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: proto.String("StreamService"),
			Method: []*descriptorpb.MethodDescriptorProto{{
				Name:      proto.String("Stream"),
				InputType: proto.String(".headway.edge.v1.ImportDetail"), OutputType: proto.String(".headway.edge.v1.StreamMessage"),
				Options: options,
			}},
		}},
	}
}

// describe runs the plugin, and merges its documents, one per service, into one.
func describe(ctx context.Context, files []*descriptorpb.FileDescriptorProto) (map[string]any, error) {
	request, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{"headway/jobs/v1/job_service.proto", "headway/imports/v1/import_service.proto", streamFile},
		ProtoFile:      files,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the plugin's request: %w", err)
	}
	answer, err := output(exec.CommandContext(ctx, pluginProgram), request)
	if err != nil {
		return nil, err
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(answer, &response); err != nil {
		return nil, fmt.Errorf("read the plugin's output: %w", err)
	}
	if response.GetError() != "" {
		return nil, errors.New(response.GetError())
	}
	paths, schemas := map[string]any{}, map[string]any{}
	for _, file := range response.File {
		var part map[string]any
		if err := json.Unmarshal([]byte(file.GetContent()), &part); err != nil {
			return nil, fmt.Errorf("read %s: %w", file.GetName(), err)
		}
		maps.Copy(paths, object(part, "paths"))
		maps.Copy(schemas, object(part, "components", "schemas"))
	}
	delete(paths, streamPath)
	for _, rule := range fileRoutes {
		for _, r := range append(rule.AdditionalBindings, rule) {
			method := "get"
			if r.GetPost() != "" {
				method = "post"
			}
			op := object(paths, r.GetGet()+r.GetPost(), method) // its bodies are files, which routes.yaml describes
			delete(op, "requestBody")
			delete(op, "responses")
		}
	}
	return map[string]any{"openapi": "3.1.0", "paths": paths, "components": map[string]any{"schemas": schemas}}, nil
}

// addRoutes merges routes.yaml into the document. Its texts replace those of the protos.
func addRoutes(doc map[string]any) error {
	var extra map[string]any
	if err := yaml.Unmarshal(routes, &extra); err != nil {
		return fmt.Errorf("read routes.yaml: %w", err)
	}
	if key := emptyKey(extra); key != "" {
		return fmt.Errorf("read routes.yaml: %q has no value; a text with a comma needs quotes within braces", key)
	}
	merge(doc, extra)
	return nil
}

// emptyKey returns a key without a value in a tree, or an empty string. YAML reads the rest of an unquoted text after a comma
// as such a key.
func emptyKey(tree any) string {
	switch node := tree.(type) {
	case map[string]any:
		for key, value := range node {
			if value == nil {
				return key
			}
			if found := emptyKey(value); found != "" {
				return found
			}
		}
	case []any:
		for _, value := range node {
			if found := emptyKey(value); found != "" {
				return found
			}
		}
	}
	return ""
}

func merge(into, from map[string]any) {
	for key, value := range from {
		old, isOld := into[key].(map[string]any)
		add, isAdd := value.(map[string]any)
		if isOld && isAdd {
			merge(old, add)
			continue
		}
		into[key] = value
	}
}

// speakWebJSON changes the document to webjson's form: short names for enums, numbers for 64-bit integers, required fields in
// responses, and the edge's form of errors.
func speakWebJSON(doc, schemas map[string]any) {
	answers := map[string]bool{}
	reach(object(doc, "components", "responses"), schemas, answers)
	for _, item := range object(doc, "paths") {
		for _, operation := range item.(map[string]any) {
			if op, ok := operation.(map[string]any); ok {
				reach(op["responses"], schemas, answers)
			}
		}
	}
	for name, schema := range schemas {
		s := schema.(map[string]any)
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			continue // from routes.yaml
		}
		switch d := d.(type) {
		case protoreflect.EnumDescriptor:
			words := make([]any, d.Values().Len())
			for i := range words {
				words[i] = webjson.Word(d.Values().Get(i))
			}
			s["enum"] = words
		case protoreflect.MessageDescriptor:
			if answers[name] {
				setRequired(s, d)
			}
		}
	}
	walk(doc, func(node map[string]any) {
		dropTexts(node)
		if node["format"] == "int64" && node["type"] == "string" {
			node["type"] = "integer"
		}
		if node["$ref"] == schemaRef+"google.rpc.Status" {
			node["$ref"] = schemaRef + errorSchema
		}
	})
}

// setRequired lists the fields that webjson always writes.
func setRequired(schema map[string]any, d protoreflect.MessageDescriptor) {
	var required []any
	for i := range d.Fields().Len() {
		if fd := d.Fields().Get(i); !fd.HasPresence() && !isText(fd) {
			required = append(required, fd.JSONName())
		}
	}
	if len(required) > 0 {
		schema["required"] = required
	}
}

// dropTexts removes the properties that webjson writes as another property: the texts of documents. They are also in the bodies of
// requests, which are not named after their message.
func dropTexts(node map[string]any) {
	properties, ok := node["properties"].(map[string]any)
	if !ok {
		return
	}
	for name := range properties {
		if document, isText := strings.CutSuffix(name, "Json"); isText && properties[document] != nil {
			delete(properties, name)
		}
	}
}

func isText(fd protoreflect.FieldDescriptor) bool {
	document := fd.ContainingMessage().Fields().ByName(protoreflect.Name(strings.TrimSuffix(string(fd.Name()), "_json")))
	return document != nil && document != fd && webjson.TextOf(document) == fd
}

// reach collects the schemas that a node refers to, directly or indirectly.
func reach(node any, schemas map[string]any, found map[string]bool) {
	walk(node, func(m map[string]any) {
		ref, _ := m["$ref"].(string)
		name, ok := strings.CutPrefix(ref, schemaRef)
		if ok && !found[name] {
			found[name] = true
			reach(schemas[name], schemas, found)
		}
	})
}

// dropUnused drops the schemas that no route refers to.
func dropUnused(doc, schemas map[string]any) {
	used := map[string]bool{}
	for _, part := range []any{doc["paths"], object(doc, "components", "responses"), object(doc, "components", "parameters")} {
		reach(part, schemas, used)
	}
	maps.DeleteFunc(schemas, func(name string, _ any) bool { return !used[name] })
}

// checkRefs returns an error if the document refers to a schema that does not exist.
func checkRefs(doc, schemas map[string]any) error {
	found := map[string]bool{}
	reach(doc, schemas, found)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if schemas[name] == nil {
			return fmt.Errorf("the document refers to the schema %s, which does not exist", name)
		}
	}
	return nil
}

func walk(node any, visit func(map[string]any)) {
	switch n := node.(type) {
	case map[string]any:
		visit(n)
		for _, child := range n {
			walk(child, visit)
		}
	case []any:
		for _, child := range n {
			walk(child, visit)
		}
	}
}

func object(doc map[string]any, path ...string) map[string]any {
	for _, key := range path {
		doc, _ = doc[key].(map[string]any)
	}
	return doc
}

func output(cmd *exec.Cmd, stdin []byte) ([]byte, error) {
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	return out, nil
}
