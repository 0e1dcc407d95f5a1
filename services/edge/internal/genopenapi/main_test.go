package main

import (
	"testing"

	"go.yaml.in/yaml/v4"
)

func TestRoutesHaveNoEmptyKeys(t *testing.T) {
	var tree map[string]any
	if err := yaml.Unmarshal(routes, &tree); err != nil {
		t.Fatal(err)
	}
	if key := emptyKey(tree); key != "" {
		t.Errorf("routes.yaml: %q has no value", key)
	}
}

func TestEmptyKeyFindsUnquotedText(t *testing.T) {
	for text, want := range map[string]string{
		`a: [{b: {description: A user, who signs in.}}]`:   "who signs in.",
		`a: [{b: {description: "A user, who signs in."}}]`: "",
	} {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatal(err)
		}
		if got := emptyKey(tree); got != want {
			t.Errorf("%s: the empty key is %q, want %q", text, got, want)
		}
	}
}
