package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"headway/services/importer/internal/imports"
)

func remembersMappings(t *testing.T, store imports.Store) {
	ctx := t.Context()
	at := time.Date(2025, 3, 30, 1, 30, 0, 120, time.UTC)
	mapped := func(header string, after int) imports.RememberedMapping {
		return imports.RememberedMapping{UsedAt: at.Add(time.Duration(after) * time.Nanosecond * 1e6),
			Mapping: []imports.SheetMapping{{Sheet: "teams", Columns: map[string]string{"code": header, "name": ""}}}}
	}
	want := func(owner, schema, headers string, want *imports.RememberedMapping) {
		t.Helper()
		got, err := store.RememberedMapping(ctx, owner, schema, headers)
		if want == nil && !errors.Is(err, imports.ErrNotFound) || want != nil && (err != nil || !reflect.DeepEqual(got, *want)) {
			t.Errorf("%s, %s, %s: got %+v, %v; want %+v", owner, schema, headers, got, err, want)
		}
	}
	first, second := mapped("Kürzel", 0), mapped("Nr", 1)
	must(t, store.RememberMapping(ctx, "ann", "workforce", "h", first))
	want("ann", "workforce", "h", &first)
	want("bob", "workforce", "h", nil)
	want("ann", "other", "h", nil)
	want("ann", "workforce", "g", nil)
	must(t, store.RememberMapping(ctx, "ann", "workforce", "h", second))
	want("ann", "workforce", "h", &second)
	must(t, store.RememberMapping(ctx, "bob", "workforce", "h", first))
	for i := range imports.MaxRememberedMappings {
		must(t, store.RememberMapping(ctx, "ann", "workforce", fmt.Sprint(i), mapped("x", i+2)))
	}
	want("ann", "workforce", "h", nil)
	oldest := mapped("x", 2)
	want("ann", "workforce", "0", &oldest)
	want("bob", "workforce", "h", &first)
}

func savesMappings(t *testing.T, store imports.Store) {
	ctx := t.Context()
	saved := func(owner, name string, shared bool) imports.SavedMapping {
		return imports.SavedMapping{Name: name, Owner: owner, Schema: "workforce", Shared: shared, SavedAt: time.Date(2025, 3, 30, 1, 30, 0, 5, time.UTC),
			Mapping: []imports.SheetMapping{{Sheet: "teams", WorkbookSheet: "Mannschaften", Columns: map[string]string{"code": name}, Distinct: shared,
				Splits: []imports.ColumnSplit{{Header: "Größe", Separator: " ", Columns: []string{"size", ""}, FromEnd: true}},
				Joins:  []imports.ColumnJoin{{Column: "name", Headers: []string{"Ort", "Liga"}, Separator: ", "}}}}}
	}
	want := func(owner, schema string, want ...imports.SavedMapping) {
		t.Helper()
		if got, err := store.SavedMappings(ctx, owner, schema); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s, %s: got %+v, %v; want %+v", owner, schema, got, err, want)
		}
	}
	want("ann", "workforce")
	zoll, bank, own, other := saved("ann", "Zoll", false), saved("ann", "Bank", true), saved("bob", "Agentur", true), saved("ann", "Bank", true)
	other.Schema = "other"
	for _, m := range []imports.SavedMapping{zoll, bank, own, saved("bob", "Secret", false), other} {
		must(t, store.SaveMapping(ctx, m))
	}
	want("ann", "workforce", bank, zoll, own)
	want("cid", "workforce", own, bank)
	want("cid", "other", other)
	bank.Shared, bank.Mapping[0].Sheet = false, "people"
	must(t, store.SaveMapping(ctx, bank))
	want("ann", "workforce", bank, zoll, own)
	want("cid", "workforce", own)
	must(t, store.DeleteMapping(ctx, "ann", "workforce", "Zoll"))
	must(t, store.DeleteMapping(ctx, "ann", "workforce", "Agentur"))
	want("ann", "workforce", bank, own)
	for i := range imports.MaxSavedMappings - 1 {
		must(t, store.SaveMapping(ctx, saved("ann", fmt.Sprint(i), false)))
	}
	must(t, store.SaveMapping(ctx, bank))
	if err := store.SaveMapping(ctx, zoll); !errors.Is(err, imports.ErrTooManyMappings) {
		t.Errorf("one more is saved: %v", err)
	}
	large := saved("dan", strings.Repeat("x", imports.MaxMappingBytes), true)
	if err := store.SaveMapping(ctx, large); !errors.Is(err, imports.ErrMappingTooLarge) {
		t.Errorf("a large mapping is saved: %v", err)
	}
	if err := store.RememberMapping(ctx, "dan", "workforce", "h", imports.RememberedMapping{Mapping: large.Mapping}); !errors.Is(err, imports.ErrMappingTooLarge) {
		t.Errorf("a large mapping is remembered: %v", err)
	}
	for i := range imports.MaxListedMappings {
		must(t, store.SaveMapping(ctx, saved(fmt.Sprint("user ", i), "shared", true)))
	}
	if list, err := store.SavedMappings(ctx, "ann", "workforce"); err != nil || len(list) != imports.MaxListedMappings || list[imports.MaxSavedMappings-1].Owner != "ann" {
		t.Errorf("%d mappings are listed (%v)", len(list), err)
	}
}
