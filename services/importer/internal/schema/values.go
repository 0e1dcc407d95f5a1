package schema

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// list returns the items of a sequence. It returns nil if the node is nil, empty, or not a sequence.
func (l *loader) list(n *yaml.Node, key string, limit int) []*yaml.Node {
	if n == nil || isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		l.add(n, WrongKind, "%q must be a list, but is %s", key, kindName(n))
		return nil
	}
	if len(n.Content) > limit {
		l.add(n, TooMany, "%q has %d entries. The maximum is %d", key, len(n.Content), limit)
		return nil
	}
	items := make([]*yaml.Node, len(n.Content))
	for i, item := range n.Content {
		items[i] = resolve(item)
	}
	return items
}

func (l *loader) texts(n *yaml.Node, key string, limit int) []string {
	var texts []string
	for _, item := range l.list(n, key, limit) {
		if s := l.text(item, key); s != "" {
			texts = append(texts, s)
		} else if !l.hasProblem(item) {
			l.add(item, WrongKind, "an entry of %q is empty. Delete it, or enter a value", key)
		}
	}
	return texts
}

// text returns a scalar as it is written, regardless of its YAML type: 010 stays "010", and no stays "no".
func (l *loader) text(n *yaml.Node, key string) string {
	if n == nil || isNull(n) {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		l.add(n, WrongKind, "%q must be a single value, but is %s", key, kindName(n))
		return ""
	}
	return n.Value
}

func (l *loader) boolean(n *yaml.Node, key string) bool {
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		l.add(n, WrongKind, "%q must be true or false", key)
		return false
	}
	return n.Value == "true"
}

func (l *loader) length(n *yaml.Node, key string) int {
	if n == nil {
		return 0
	}
	v, err := strconv.ParseUint(n.Value, 10, 15)
	if n.Kind != yaml.ScalarNode || err != nil || v == 0 {
		l.add(n, BadBound, "%q must be a number of characters from 1 to 32767, the maximum for a cell", key)
		return 0
	}
	return int(v)
}

// resolve follows a YAML alias to its anchor.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	default:
		if isNull(n) {
			return "nothing"
		}
		return fmt.Sprintf("the single value %q", n.Value)
	}
}

func quotedList[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}
