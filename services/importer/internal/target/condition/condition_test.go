package condition_test

import (
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/target/condition"
)

func TestColumnsOfConditionsAreQualified(t *testing.T) {
	known := func(identifier string) string {
		if slices.Contains([]string{"deleted_at", "state", "Gone", "text"}, identifier) {
			return identifier
		}
		return ""
	}
	quote := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
	for text, want := range map[string]string{
		`(deleted_at IS NULL)`:                       `(t."deleted_at" IS NULL)`,
		`((state)::text = 'state'::text)`:            `((t."state")::text = 'state'::text)`,
		`("Gone" = false) AND (text = 'it''s Gone')`: `(t."Gone" = false) AND (t."text" = 'it''s Gone')`,
		`(state(state) = state.state)`:               `(state(t."state") = state.state)`,
		"`deleted_at` IS NULL AND [state] <> 'x'":    `t."deleted_at" IS NULL AND t."state" <> 'x'`,
		`(kind = ANY (ARRAY['state'::text]))`:        `(kind = ANY (ARRAY['state'::text]))`,
		`deleted_at`:                                 `t."deleted_at"`,
		`(state = 'never ends)`:                      `(t."state" = 'never ends)`,
	} {
		got, _ := condition.Qualify(text, "t", known, quote)
		if got != want {
			t.Errorf("%s becomes %s, and not %s", text, got, want)
		}
	}
}

func TestConditionsOfFilledKeysAreKnown(t *testing.T) {
	known := func(identifier string) string {
		if slices.Contains([]string{"code", "tenant", "a and b", "state"}, strings.ToLower(identifier)) {
			return strings.ToLower(identifier)
		}
		return ""
	}
	key := []string{"a and b", "code", "tenant"}
	for text, want := range map[string]bool{
		`(code IS NOT NULL)`:                              true,
		`((code IS NOT NULL) AND (tenant IS NOT NULL))`:   true,
		`tenant IS NOT NULL AND code IS NOT NULL`:         true,
		"\"code\" is not null\nand [tenant] IS NOT NULL":  true,
		"`a and b` IS NOT NULL":                           true,
		`(code IS NULL)`:                                  false,
		`(state IS NOT NULL)`:                             false,
		`(other IS NOT NULL)`:                             false,
		`((code IS NOT NULL) OR (tenant IS NOT NULL))`:    false,
		`(NOT (code IS NOT NULL))`:                        false,
		`((code IS NOT NULL) AND (state = 'open'::text))`: false,
		`((code IS NOT NULL) AND`:                         false,
		`((code)::text IS NOT NULL)`:                      false,
		`(code IS NOT NULL AND tenant)`:                   false,
		`(code IS NOT NULL) AND 'code' IS NOT NULL`:       false,
		``: false,
	} {
		if got := condition.IsFilled(text, key, known); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestConditionsOfIndexesAreFound(t *testing.T) {
	for statement, want := range map[string]string{
		`CREATE UNIQUE INDEX "where" ON t ("code") WHERE "deleted_at" IS NULL`: `"deleted_at" IS NULL`,
		"create unique index i on [a where b] (code)\nwhere kind = 'where'":    `kind = 'where'`,
		`CREATE UNIQUE INDEX i ON t (code)`:                                    ``,
	} {
		if got := condition.OfIndex(statement); got != want {
			t.Errorf("the condition of %s is %q, and not %q", statement, got, want)
		}
	}
}
