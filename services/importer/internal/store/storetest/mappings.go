package storetest

import (
	"errors"
	"fmt"
	"reflect"
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
