package importrpc

import (
	"reflect"
	"testing"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/services/importer/internal/schema"
)

// TestRulesOfMappingsAreTranslated sets every rule, so that a new one that is not translated fails.
func TestRulesOfMappingsAreTranslated(t *testing.T) {
	rules := &schema.Rules{}
	v := reflect.ValueOf(rules).Elem()
	for i := range v.NumField() {
		switch field := v.Field(i); field.Interface().(type) {
		case bool:
			field.SetBool(true)
		case int:
			field.SetInt(2049)
		case []string:
			field.Set(reflect.ValueOf([]string{v.Type().Field(i).Name}))
		case map[string]string:
			field.Set(reflect.ValueOf(map[string]string{v.Type().Field(i).Name: "1"}))
		case []schema.Replacement:
			field.Set(reflect.ValueOf([]schema.Replacement{{Text: "a", With: "b"}, {Pattern: "c"}}))
		default:
			field.SetString(v.Type().Field(i).Name)
		}
	}
	message := rulesMessage(rules)
	if fields := message.ProtoReflect().Descriptor().Fields(); fields.Len() != v.NumField() {
		t.Errorf("the message has %d rules, the schema %d", fields.Len(), v.NumField())
	}
	got := rulesOf(map[string]*importsv1.ValueRules{"name": message})["name"]
	if !reflect.DeepEqual(got, rules) {
		t.Errorf("got %+v, want %+v", got, rules)
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		if f := message.ProtoReflect().Descriptor().Fields().Get(i); string(f.Name())+",omitempty" != name {
			t.Errorf("the field %s of the message is the rule %s", f.Name(), name)
		}
	}
}
