package importer_test

import (
	"testing"
	"time"

	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
)

func TestSchemasAreThoseOfTheCaller(t *testing.T) {
	w := setup(t)
	for name, test := range map[string]struct {
		id   auth.Identity
		want int
	}{
		"all":    {auth.Identity{Subject: "ann", Schemas: []string{"*"}}, 1},
		"named":  {auth.Identity{Subject: "ann", Schemas: []string{"workforce"}}, 1},
		"others": {auth.Identity{Subject: "ann", Schemas: []string{"fleet"}}, 0},
	} {
		token, err := w.key.Sign(test.id, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := w.imports.ListSchemas(t.Context(), &importsv1.ListSchemasRequest{}, grpc.PerRPCCredentials(auth.StaticCredentials(token)))
		if err != nil || len(answer.GetSchemas()) != test.want {
			t.Errorf("%s: got %v, %v", name, answer.GetSchemas(), err)
		}
	}
}
