package template

import (
	"maps"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/schema"
)

// hints describe the value rules of a column for users who fill in cells.
func hints(r *schema.Rules) (list []messages.Message) {
	if r.IsZero() {
		return nil
	}
	add := func(condition bool, hint messages.Message) {
		if condition {
			list = append(list, hint)
		}
	}
	add(r.Case == schema.Upper, messages.New("rule.upper"))
	add(r.Case == schema.Lower, messages.New("rule.lower"))
	add(len(r.RemovePrefix) > 0, messages.New("rule.remove_prefix", either(r.RemovePrefix)))
	add(len(r.RemoveSuffix) > 0, messages.New("rule.remove_suffix", either(r.RemoveSuffix)))
	add(r.AddPrefix != "", messages.New("rule.add_prefix", messages.Text("text", r.AddPrefix)))
	add(r.AddSuffix != "", messages.New("rule.add_suffix", messages.Text("text", r.AddSuffix)))
	add(len(r.Lookup) > 0, messages.New("rule.lookup", meanings(r.Lookup)))
	add(len(r.TrueValues) > 0, messages.New("rule.yes", either(r.TrueValues)))
	add(len(r.FalseValues) > 0, messages.New("rule.no", either(r.FalseValues)))
	add(r.Decimal != "", messages.New("rule.point", messages.Text("separator", r.Decimal)))
	add(r.Thousands != "" && r.Thousands != schema.NoSeparator, messages.New("rule.group", messages.Text("separator", r.Thousands)))
	add(r.Percent == schema.Fraction, messages.New("rule.percent_fraction"))
	add(r.Percent == schema.Number, messages.New("rule.percent_number"))
	add(len(r.Units) > 0, messages.New("rule.units", clipped("units", messages.Comma, messages.Texts(slices.Sorted(maps.Keys(r.Units))...))))
	add(r.DateOrder != "", messages.New("rule.order", messages.Text("order", string(r.DateOrder))))
	add(len(r.DateFormats) > 0, messages.New("rule.forms", clipped("forms", messages.Or, messages.Texts(r.DateFormats...))))
	add(len(r.Empty) > 0, messages.New("rule.empty", either(r.Empty)))
	add(r.Default != "", messages.New("rule.default", messages.Text("value", r.Default)))
	add(r.Blank == schema.KeepBlank, messages.New("rule.keep_blank"))
	return list
}

// either is the parameter with some of the texts, in quotation marks.
func either(texts []string) messages.Parameter {
	return messages.List("texts", messages.Or, messages.Clipped(messages.Quotes(texts...), maxShown)...)
}

// meanings is the parameter with the texts of a lookup, and what they mean.
func meanings(lookup map[string]string) messages.Parameter {
	list := make([]messages.Value, 0, len(lookup))
	for _, from := range slices.Sorted(maps.Keys(lookup)) {
		list = append(list, messages.Of(messages.New("rule.meaning", messages.Text("from", from), messages.Text("to", lookup[from]))))
	}
	return messages.List("meanings", messages.Comma, messages.Clipped(list, maxShown)...)
}

// clipped is a parameter with the first values of a list.
func clipped(name string, kind messages.Kind, list []messages.Value) messages.Parameter {
	return messages.List(name, kind, messages.Clipped(list, maxShown)...)
}
