package main

import (
	"context"
	"fmt"
	"time"

	"headway/cmd/internal/program"
	"headway/internal/auth"
)

// tokenCommand signs a token with the configured key, or the data folder's.
type tokenCommand struct {
	program.KeyFlags
	Sub   string        `help:"Whose token it is: the user's name." required:"" placeholder:"NAME"`
	Scope []string      `help:"What it allows beyond the user's own things: headway:admin, headway:worker or headway:service; may be repeated." enum:"headway:admin,headway:worker,headway:service" placeholder:"SCOPE"`
	TTL   time.Duration `help:"How long it lasts." default:"12h" name:"ttl"`
}

// Run prints the token alone, so that it can be used in $(…).
func (c *tokenCommand) Run(context.Context) error {
	if c.TTL <= 0 {
		return program.Refuse("--ttl must be above zero, as in 12h")
	}
	key, err := c.SigningKey()
	if err != nil {
		return err
	}
	token, err := key.Sign(auth.Identity{Subject: c.Sub, Scopes: c.Scope}, c.TTL)
	if err != nil {
		return err
	}
	fmt.Println(token)
	return nil
}
