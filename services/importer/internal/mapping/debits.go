package mapping

import (
	"regexp"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/match"
	"headway/services/importer/internal/schema"
)

// debitHeaders are the headers of two columns with the same kind of amounts: those that are subtracted, and the others.
var debitHeaders = [][2]string{{"debit", "credit"}, {"debits", "credits"}, {"withdrawal", "deposit"}, {"withdrawals", "deposits"}, {"money out", "money in"}, {"paid out", "paid in"},
	{"payments", "receipts"}, {"outflow", "inflow"}, {"expense", "income"}, {"soll", "haben"}, {"belastung", "gutschrift"}, {"ausgang", "eingang"}, {"ausgaben", "einnahmen"},
	{"ausgabe", "einnahme"}, {"auszahlung", "einzahlung"}, {"abgang", "zugang"}, {"débit", "crédit"}, {"débito", "crédito"}, {"cargo", "abono"}, {"cargos", "abonos"}, {"debe", "haber"},
	{"dare", "avere"}, {"uscite", "entrate"}, {"addebiti", "accrediti"}, {"saída", "entrada"}, {"saídas", "entradas"}, {"af", "bij"}, {"uit", "in"}, {"debet", "kredit"}, {"debet", "credit"},
	{"uttag", "insättning"}, {"obciążenia", "uznania"}, {"wypłaty", "wpłaty"}, {"winien", "ma"}, {"výdaje", "příjmy"}, {"расход", "приход"}, {"дебет", "кредит"}, {"списание", "зачисление"},
	{"出金", "入金"}, {"お支払金額", "お預り金額"}, {"支出", "收入"}, {"借方", "貸方"}, {"borç", "alacak"}}

// unnamed matches the parts of a header that are not its name: brackets, currencies, and words for amounts.
var unnamed = regexp.MustCompile(`[(\[].*?[)\]]|` + before + `(?:amount|betrag|montant|importe|importo|valor|bedrag|belopp|kwota|сумма|(?:(?:in|en) )?` + currency + `)` + after)

func debitName(header string) string {
	return strings.Trim(unnamed.ReplaceAllString(strings.ToLower(header), " "), " .:-_/")
}

// joinDebits proposes to join two columns of amounts for one column of the schema, with those of debits subtracted. The proposal for the column
// then has the readings of both.
func joinDebits(f *fileTable, debit, credit int, spec *schema.Sheet, explicit imports.SheetMapping, proposals []ColumnProposal) ([]ColumnProposal, []imports.ColumnJoin) {
	if debit < 0 || hasDebits(spec) {
		return proposals, nil
	}
	pair := []string{f.Columns[credit].Header, f.Columns[debit].Header}
	name, best := "", .5
	for _, c := range spec.Columns {
		_, mapped := explicit.Columns[c.Name]
		at := slices.IndexFunc(proposals, func(p ColumnProposal) bool { return p.Name == c.Name })
		if !c.Type.Numeric() || mapped || explicit.Constants[c.Name] != "" || slices.Contains(derivedColumns(explicit), c.Name) ||
			at >= 0 && proposals[at].Score >= LikelyColumn && !slices.Contains(pair, proposals[at].Header) {
			continue
		}
		if likeness := match.Names(c.Names(), []string{"amount"}); likeness > best {
			name, best = c.Name, likeness
		}
	}
	if name == "" || slices.ContainsFunc(proposals, func(p ColumnProposal) bool { return p.Reason == ByMapping && slices.Contains(pair, p.Header) }) {
		return proposals, nil
	}
	proposals = slices.DeleteFunc(proposals, func(p ColumnProposal) bool { return p.Name == name || slices.Contains(pair, p.Header) })
	proposals = append(proposals, ColumnProposal{Name: name, Header: pair[0], Score: LikelyColumn, Reason: BySimilarName})
	return proposals, []imports.ColumnJoin{{Column: name, Headers: pair, Negated: pair[1:]}}
}

// debits returns the indexes of two columns with amounts of debits and credits, of which each row has one. It returns -1 if there are none.
func (f *fileTable) debits() (debit, credit int) {
	headers := make([]string, len(f.Columns))
	for i, c := range f.Columns {
		headers[i] = debitName(c.Header)
	}
	for _, names := range debitHeaders {
		debit, credit = slices.Index(headers, names[0]), slices.Index(headers, names[1])
		if debit < 0 || credit < 0 || slices.ContainsFunc(f.columns[debit].Values, func(v string) bool { return strings.ContainsAny(v, "-−–(") && strings.ContainsAny(v, "123456789") }) {
			continue // the amounts have signs
		}
		both := slices.ContainsFunc(f.rows[debit], func(row int) bool { return isAmount(f.valueIn(debit, row)) && isAmount(f.valueIn(credit, row)) })
		if !both && slices.ContainsFunc(f.columns[debit].Values, isAmount) {
			return debit, credit
		}
	}
	return -1, -1
}

// isAmount reports whether a text has a number other than 0.
func isAmount(s string) bool { return strings.ContainsAny(s, "123456789") }

// hasDebits reports whether the schema has columns for debits or credits.
func hasDebits(spec *schema.Sheet) bool {
	return slices.ContainsFunc(spec.Columns, func(c *schema.Column) bool {
		return slices.ContainsFunc(c.Names(), func(name string) bool {
			name = debitName(strings.ReplaceAll(name, "_", " "))
			return slices.ContainsFunc(debitHeaders, func(pair [2]string) bool { return pair[0] == name || pair[1] == name })
		})
	})
}
