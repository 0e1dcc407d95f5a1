// Package messagepb converts messages of the catalogs to protos.
package messagepb

import (
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/messages"
)

// Text returns a message. It returns nil if there is none.
func Text(m messages.Message) *importsv1.Text {
	if m.IsZero() {
		return nil
	}
	out := &importsv1.Text{MessageId: m.ID, Parameters: make(map[string]*importsv1.Parameter, len(m.Parameters))}
	for i := range m.Parameters {
		out.Parameters[m.Parameters[i].Name] = parameter(&m.Parameters[i].Value)
	}
	return out
}

func parameter(v *messages.Value) *importsv1.Parameter {
	out := &importsv1.Parameter{}
	switch v.Kind {
	case messages.Counted:
		out.Value = &importsv1.Parameter_Count{Count: v.Count}
	case messages.Decimal:
		out.Value = &importsv1.Parameter_Number{Number: v.Text}
	case messages.Moment:
		out.Value = &importsv1.Parameter_Date{Date: v.Text}
	case messages.Located:
		out.Value = &importsv1.Parameter_Location{Location: Location(v.Location())}
	case messages.Quotation:
		quotation := &importsv1.Quotation{Text: v.Text}
		for _, remark := range v.Values() {
			quotation.Remarks = append(quotation.Remarks, Text(remark.Message()))
		}
		out.Value = &importsv1.Parameter_Quotation{Quotation: quotation}
	case messages.Nested:
		out.Value = &importsv1.Parameter_Nested{Nested: Text(v.Message())}
	case messages.Or, messages.And, messages.Comma, messages.Spaced:
		list := &importsv1.ParameterList{Kind: listKinds[v.Kind]}
		for i := range v.Values() {
			list.Values = append(list.Values, parameter(&v.Values()[i]))
		}
		out.Value = &importsv1.Parameter_List{List: list}
	default:
		out.Value = &importsv1.Parameter_Text{Text: v.Text}
	}
	return out
}

var listKinds = map[messages.Kind]importsv1.ListKind{
	messages.Or: importsv1.ListKind_LIST_KIND_OR, messages.And: importsv1.ListKind_LIST_KIND_AND,
	messages.Comma: importsv1.ListKind_LIST_KIND_COMMA, messages.Spaced: importsv1.ListKind_LIST_KIND_SPACED,
}

// Location returns a cell or a row.
func Location(p messages.Location) *importsv1.Location {
	return &importsv1.Location{Sheet: p.Sheet, File: p.File, Row: p.Row, Column: p.Column, Line: p.Line}
}
