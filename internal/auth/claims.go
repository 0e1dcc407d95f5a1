package auth

import "strings"

// texts returns the texts in a claim, or nil if there is no such claim.
func texts(claims map[string]any, name string) []string {
	value, ok := claims[name]
	if !ok {
		value = claims
		for part := range strings.SplitSeq(name, ".") {
			object, _ := value.(map[string]any)
			if value, ok = object[part]; !ok {
				return nil
			}
		}
	}
	switch value := value.(type) {
	case string:
		return append([]string{}, strings.Fields(value)...)
	case []any:
		list := []string{}
		for _, element := range value {
			if text, isText := element.(string); isText {
				list = append(list, text)
			}
		}
		return list
	}
	return nil
}
