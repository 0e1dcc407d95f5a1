package schema

import (
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// replacementKeys are the keys of a replacement.
var replacementKeys = []string{"text", "pattern", "with"}

// rules reads the rules of a column.
func (l *loader) rules(d *columnDraft) {
	n := d.values["rules"]
	if n == nil || isNull(n) {
		return
	}
	var ok bool
	if d.rules, ok = l.mapping(n, "rules", ruleKeys); !ok {
		return
	}
	rules := &Rules{}
	v := reflect.ValueOf(rules).Elem()
	for i, key := range ruleKeys {
		n := d.rules.values[key]
		if n == nil {
			continue
		}
		switch field := v.Field(i); field.Interface().(type) {
		case bool:
			field.SetBool(l.boolean(n, key))
		case int:
			year, err := strconv.ParseUint(n.Value, 10, 15)
			if err != nil {
				l.add(n, BadRule, "%q must be a year, for example 2049", key)
			}
			field.SetInt(int64(year))
		case []string:
			if n.Kind == yaml.ScalarNode && !isNull(n) {
				field.Set(reflect.ValueOf([]string{n.Value}))
			} else if list := l.texts(n, key, MaxRuleTexts); list != nil {
				field.Set(reflect.ValueOf(list))
			}
		case map[string]string:
			if texts := l.textMap(n, key); texts != nil {
				field.Set(reflect.ValueOf(texts))
			}
		case []Replacement:
			if list := l.replacements(n); list != nil {
				field.Set(reflect.ValueOf(list))
			}
		default:
			field.SetString(l.text(n, key))
		}
	}
	if !rules.IsZero() {
		d.Rules = rules
	}
}

// textMap reads texts by other texts. It returns nil if there are none.
func (l *loader) textMap(n *yaml.Node, key string) map[string]string {
	if n.Kind != yaml.MappingNode {
		l.add(n, WrongKind, "%q must have texts with values (text: value, …), but is %s", key, kindName(n))
		return nil
	}
	if len(n.Content)/2 > MaxRuleTexts {
		l.add(n, TooMany, "%q has %d entries. The maximum is %d", key, len(n.Content)/2, MaxRuleTexts)
		return nil
	}
	texts := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		from, to := n.Content[i], resolve(n.Content[i+1])
		if _, twice := texts[from.Value]; twice {
			l.add(from, RepeatedKey, "%q has %q twice. Keep one", key, from.Value)
		}
		if value := l.text(to, key); value != "" {
			texts[from.Value] = value
		} else if !l.hasProblem(to) {
			l.add(to, WrongKind, "%q has no value for %q", key, from.Value)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return texts
}

func (l *loader) replacements(n *yaml.Node) (list []Replacement) {
	for _, item := range l.list(n, "replace", MaxRuleTexts) {
		f, ok := l.mapping(item, "a replacement", replacementKeys)
		if !ok {
			continue
		}
		list = append(list, Replacement{Text: l.text(f.values["text"], "text"), Pattern: l.text(f.values["pattern"], "pattern"), With: l.text(f.values["with"], "with")})
	}
	return list
}
