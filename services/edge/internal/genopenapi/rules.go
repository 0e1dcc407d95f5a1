package main

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"headway/services/edge/internal/webjson"
)

// addRules makes the document as strict as the services. The plugin knows no rules of buf.validate, so every value would be valid.
func addRules(doc, schemas map[string]any) error {
	for name, schema := range schemas {
		md := message(name)
		if md == nil {
			continue
		}
		properties := object(schema.(map[string]any), "properties")
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			if property, ok := properties[fd.JSONName()].(map[string]any); ok {
				if err := addFieldRules(property, fd); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range formSchemas {
		schema, md := object(schemas, name), message(name)
		if schema == nil || md == nil {
			return fmt.Errorf("the document has no schema %s", name)
		}
		delete(schema, "required") // a preview returns it with all fields, but an upload does not need them
		strict(schema, md, schemas)
	}
	for _, call := range calls() {
		operation := object(doc, "paths", call.path, strings.ToLower(call.method))
		if operation == nil {
			return fmt.Errorf("the document has no %s %s", call.method, call.path)
		}
		if err := addCallRules(operation, call.input, schemas); err != nil {
			return err
		}
	}
	addTimes(doc, schemas)
	return nil
}

// addTimes describes the times that requests can contain.
func addTimes(doc, schemas map[string]any) {
	describe := func(node map[string]any) {
		if node["format"] == "date-time" {
			node["pattern"] = webjson.TimePattern
		}
	}
	used := map[string]bool{}
	for _, item := range object(doc, "paths") {
		for _, operation := range item.(map[string]any) {
			if op, ok := operation.(map[string]any); ok {
				walk(op["parameters"], describe)
				walk(op["requestBody"], describe)
				reach(op["requestBody"], schemas, used)
			}
		}
	}
	for name := range used {
		walk(schemas[name], describe)
	}
}

// declared are the schemas whose required fields are those of requests: routes.yaml lists them.
var declared = map[string]bool{"headway.jobs.v1.StepPlan": true}

// formSchemas are the messages of requests, also in fields of forms and queries, that responses have too.
var formSchemas = []string{"headway.imports.v1.Replacement", "headway.imports.v1.ValueRules", "headway.imports.v1.ColumnSplit",
	"headway.imports.v1.ColumnJoin", "headway.imports.v1.SheetMapping", "headway.imports.v1.TextFormat"}

func message(name string) protoreflect.MessageDescriptor {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil // from routes.yaml
	}
	md, _ := d.(protoreflect.MessageDescriptor)
	return md
}

// call is an RPC with a route.
type call struct {
	method, path string
	input        protoreflect.MessageDescriptor
}

// calls returns the RPCs with routes. Those of files have them in fileRoutes.
func calls() []call {
	var all []call
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
				if rule == nil {
					rule = fileRoutes[string(m.Name())]
				}
				if rule == nil {
					continue
				}
				for _, r := range append(slices.Clone(rule.GetAdditionalBindings()), rule) {
					for method, path := range map[string]string{
						http.MethodGet: r.GetGet(), http.MethodPost: r.GetPost(), http.MethodPut: r.GetPut(), http.MethodPatch: r.GetPatch(), http.MethodDelete: r.GetDelete(),
					} {
						if path != "" && m.Name() != "UploadWorkbook" && m.Name() != "PreviewFile" { // their message is one of many
							all = append(all, call{method, path, m.Input()})
						}
					}
				}
			}
		}
		return true
	})
	return all
}

// addCallRules adds the rules of a call's message to its parameters and its body.
func addCallRules(operation map[string]any, input protoreflect.MessageDescriptor, schemas map[string]any) error {
	parameters, _ := operation["parameters"].([]any)
	for _, p := range parameters {
		parameter := p.(map[string]any)
		name, _ := parameter["name"].(string)
		fd := field(input, name)
		schema, ok := parameter["schema"].(map[string]any)
		if fd == nil || !ok {
			continue
		}
		if err := addFieldRules(schema, fd); err != nil {
			return err
		}
		if fd.IsList() {
			parameter["style"], parameter["explode"] = "form", true
		}
	}
	body := object(operation, "requestBody")
	if body == nil {
		return nil
	}
	schema := object(body, "content", "application/json", "schema")
	properties := object(schema, "properties")
	for i := range input.Fields().Len() {
		fd := input.Fields().Get(i)
		if property, ok := properties[fd.JSONName()].(map[string]any); ok {
			if err := addFieldRules(property, fd); err != nil {
				return err
			}
		}
	}
	// No body is an empty message.
	md := input
	if ref, ok := schema["$ref"].(string); ok {
		schema = object(schemas, strings.TrimPrefix(ref, schemaRef))
	}
	strict(schema, md, schemas)
	_, needed := schema["required"]
	body["required"] = needed
	return nil
}

// strict makes the schemas of a request refuse unknown fields, and lists the fields that a request must have.
func strict(schema map[string]any, md protoreflect.MessageDescriptor, schemas map[string]any) {
	if _, done := schema["additionalProperties"]; done {
		return
	}
	schema["additionalProperties"] = false
	properties := object(schema, "properties")
	var required []any
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if properties[fd.JSONName()] == nil {
			continue // part of the path
		}
		if needed(fd) {
			required = append(required, fd.JSONName())
		}
		element := fd
		if fd.IsMap() {
			element = fd.MapValue()
		}
		inner := element.Message()
		if inner == nil || schemas[string(inner.FullName())] == nil {
			continue
		}
		schema := object(schemas, string(inner.FullName()))
		if _, answered := schema["required"]; answered && !fd.IsMap() && !fd.IsList() && schema["additionalProperties"] == nil && !declared[string(inner.FullName())] {
			// In responses, all of its fields are present. In requests, they are not required.
			schema = maps.Clone(schema)
			delete(schema, "required")
			if described, ok := properties[fd.JSONName()].(map[string]any)["description"]; ok {
				schema["description"] = described
			}
			properties[fd.JSONName()] = schema
		}
		strict(schema, inner, schemas)
	}
	if listed, _ := schema["required"].([]any); len(listed) == 0 && len(required) > 0 {
		schema["required"] = required
	}
}

// field returns the field that a parameter sets.
func field(md protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if fd := md.Fields().ByJSONName(name); fd != nil {
		return fd
	}
	return md.Fields().ByName(protoreflect.Name(name))
}

// addFieldRules adds the rules of a field to its schema.
func addFieldRules(schema map[string]any, fd protoreflect.FieldDescriptor) error {
	rules, err := protovalidate.ResolveFieldRules(fd)
	if err != nil {
		return fmt.Errorf("rules of %s: %w", fd.FullName(), err)
	}
	switch {
	case fd.IsList():
		limit(schema, "minItems", rules.GetRepeated().HasMinItems(), rules.GetRepeated().GetMinItems())
		limit(schema, "maxItems", rules.GetRepeated().HasMaxItems(), rules.GetRepeated().GetMaxItems())
		if items, ok := schema["items"].(map[string]any); ok {
			addValueRules(items, fd, rules.GetRepeated().GetItems())
		}
	case fd.IsMap():
		limit(schema, "minProperties", rules.GetMap().HasMinPairs(), rules.GetMap().GetMinPairs())
		limit(schema, "maxProperties", rules.GetMap().HasMaxPairs(), rules.GetMap().GetMaxPairs())
		names := map[string]any{"type": "string"}
		if addValueRules(names, fd.MapKey(), rules.GetMap().GetKeys()); len(names) > 1 {
			schema["propertyNames"] = names
		}
		if values, ok := schema["additionalProperties"].(map[string]any); ok {
			addValueRules(values, fd.MapValue(), rules.GetMap().GetValues())
		}
	default:
		addValueRules(schema, fd, rules)
	}
	return nil
}

// limit sets a keyword to a limit, if there is one.
func limit[N uint64 | uint32 | int32 | float64](schema map[string]any, keyword string, has bool, n N) {
	if has {
		schema[keyword] = n
	}
}

// addValueRules adds the rules of one value to its schema, and the range of its type.
func addValueRules(schema map[string]any, fd protoreflect.FieldDescriptor, rules *validate.FieldRules) {
	switch fd.Kind() {
	case protoreflect.Uint32Kind:
		schema["minimum"], schema["maximum"] = uint32(0), ^uint32(0)
		limit(schema, "minimum", rules.GetUint32().HasGte(), rules.GetUint32().GetGte())
		limit(schema, "maximum", rules.GetUint32().HasLte(), rules.GetUint32().GetLte())
	case protoreflect.Int32Kind:
		schema["minimum"], schema["maximum"] = int32(-1<<31), int32(1<<31-1)
		limit(schema, "minimum", rules.GetInt32().HasGte(), rules.GetInt32().GetGte())
		limit(schema, "maximum", rules.GetInt32().HasLte(), rules.GetInt32().GetLte())
	case protoreflect.DoubleKind:
		limit(schema, "minimum", rules.GetDouble().HasGte(), rules.GetDouble().GetGte())
		limit(schema, "maximum", rules.GetDouble().HasLte(), rules.GetDouble().GetLte())
	case protoreflect.StringKind:
		addTextRules(schema, rules)
	case protoreflect.EnumKind:
		if slices.Contains(rules.GetEnum().GetNotIn(), 0) { // without the name of the zero value
			delete(schema, "$ref")
			schema["type"], schema["enum"] = "string", webjson.Words(fd.Enum())
		}
	default:
	}
}

// uuid is an ID as protovalidate accepts it.
const uuid = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

func addTextRules(schema map[string]any, rules *validate.FieldRules) {
	text := rules.GetString()
	limit(schema, "minLength", text.HasMinLen(), text.GetMinLen())
	limit(schema, "maxLength", text.HasMaxLen(), text.GetMaxLen())
	if len(text.GetIn()) > 0 {
		schema["enum"] = text.GetIn()
	}
	if text.GetPattern() != "" {
		schema["pattern"] = text.GetPattern()
	}
	if text.GetUuid() {
		schema["pattern"] = "^" + uuid + "$"
		if rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE {
			schema["pattern"] = "^(" + uuid + ")?$"
		}
	}
}

// needed reports whether a request must have the field: its zero value breaks a rule.
func needed(fd protoreflect.FieldDescriptor) bool {
	rules, err := protovalidate.ResolveFieldRules(fd)
	if err != nil || rules == nil || rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE {
		return false
	}
	if rules.GetRequired() || rules.GetRepeated().GetMinItems() > 0 || rules.GetString().GetMinLen() > 0 {
		return true
	}
	if slices.Contains(rules.GetEnum().GetNotIn(), 0) {
		return true
	}
	pattern := rules.GetString().GetPattern()
	return pattern != "" && !regexp.MustCompile(pattern).MatchString("")
}
