package main

import (
	"context"
	"fmt"
	"time"

	"headway/cmd/internal/program"
	"headway/internal/auth"
)

// tokenCommand signs a token with the configured key, or with the key in the data directory.
type tokenCommand struct {
	program.KeyFlags
	Sub    string        `help:"Name of the user." required:"" placeholder:"NAME"`
	Scope  []string      `help:"Scope of the token: headway:read, headway:run, headway:import, headway:priority, headway:admin, headway:worker, or headway:service. Can be repeated." enum:"headway:read,headway:run,headway:import,headway:priority,headway:admin,headway:worker,headway:service" default:"headway:read,headway:run,headway:import,headway:priority" placeholder:"SCOPE"`
	Kind   []string      `help:"Kind of job that the token can create and lease. Can be repeated. * means all kinds." default:"*" placeholder:"KIND"`
	Schema []string      `help:"Schema that the token can import with. Can be repeated. * means all schemas." default:"*" placeholder:"NAME"`
	TTL    time.Duration `help:"How long the token is valid." default:"12h" name:"ttl"`
}

// Run prints only the token, so that it can be used in $(…).
func (c *tokenCommand) Run(context.Context) error {
	if c.TTL <= 0 {
		return program.Refuse("--ttl must be positive, for example 12h")
	}
	key, err := c.SigningKey()
	if err != nil {
		return err
	}
	token, err := key.Sign(auth.Identity{Subject: c.Sub, Scopes: c.Scope, Kinds: c.Kind, Schemas: c.Schema}, c.TTL)
	if err != nil {
		return err
	}
	fmt.Println(token)
	return nil
}
