package auth

import "slices"

// Rights are the rights of a token: scopes, kinds of jobs, and schemas. The name * allows all.
type Rights struct {
	// Scopes are some of ScopeRead, ScopeRun, ScopeImport, and ScopePriority.
	Scopes []string
	// Kinds and Schemas are lists of names.
	Kinds, Schemas []string
}

// userScopes are the scopes of which a token must have one to name its rights. Without them, it gets the default ones.
var userScopes = []string{ScopeRead, ScopeRun, ScopeImport}

// AllRights returns all rights to the user's own resources.
func AllRights() Rights {
	return Rights{Scopes: append(slices.Clone(userScopes), ScopePriority), Kinds: []string{"*"}, Schemas: []string{"*"}}
}

// complete adds the default rights to a verified identity, for each claim that its token does not have.
func (r Rights) complete(id *Identity) {
	if !slices.ContainsFunc(id.Scopes, func(scope string) bool { return slices.Contains(userScopes, scope) }) {
		id.Scopes = append(slices.Clone(id.Scopes), r.Scopes...)
	}
	if id.Kinds == nil {
		id.Kinds = r.Kinds
	}
	if id.Schemas == nil {
		id.Schemas = r.Schemas
	}
}

// Has reports whether the identity has the scope.
func (id Identity) Has(scope string) bool { return slices.Contains(id.Scopes, scope) }

// May reports whether the identity has the rights of a scope to its own resources. Services can do everything, and
// administrators can read and run.
func (id Identity) May(scope string) bool {
	return id.Has(scope) || id.Has(ScopeService) || id.Has(ScopeAdmin) && scope != ScopeImport
}

// MayRun reports whether the identity can create or lease jobs of a kind. Services can do so for all kinds.
func (id Identity) MayRun(kind string) bool { return id.Has(ScopeService) || allows(id.Kinds, kind) }

// MayImport reports whether the identity can import with a schema. Services can do so with all schemas.
func (id Identity) MayImport(schema string) bool {
	return id.Has(ScopeService) || allows(id.Schemas, schema)
}

// allows reports whether a list allows a name.
func allows(list []string, name string) bool {
	return slices.Contains(list, name) || slices.Contains(list, "*")
}

// SeesAll reports whether the identity can see the resources of all users.
func (id Identity) SeesAll() bool { return id.Has(ScopeAdmin) || id.Has(ScopeService) }

// MaySee reports whether the identity can see the resources of owner.
func (id Identity) MaySee(owner string) bool { return id.Subject == owner || id.SeesAll() }
