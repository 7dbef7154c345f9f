package film

import (
	"testing"
	"time"
)

func TestGrantState(t *testing.T) {
	t.Parallel()
	end := grant.ExpiresAt
	for _, c := range []struct {
		name           string
		opened         time.Time
		revoked        bool
		at             time.Time
		begins, goesOn bool
	}{
		{name: "fresh", at: born, begins: true},
		{name: "opened", opened: born, at: now, begins: true, goesOn: true},
		{name: "last moment", opened: born, at: end.Add(-1), begins: true, goesOn: true},
		{name: "over, never opened", at: end},
		{name: "over, opened", opened: born, at: end, goesOn: true},
		{name: "end of the grace", opened: born, at: end.Add(MasterGrace - 1), goesOn: true},
		{name: "after the grace", opened: born, at: end.Add(MasterGrace)},
		{name: "revoked", opened: born, revoked: true, at: now},
		{name: "revoked in the grace", opened: born, revoked: true, at: end},
	} {
		g := GrantState{Grant: grant, OpenedAt: c.opened, Revoked: c.revoked}
		if got := g.MayBegin(c.at); got != c.begins {
			t.Errorf("%s: MayBegin = %v, want %v", c.name, got, c.begins)
		}
		if got := g.MayGoOn(c.at); got != c.goesOn {
			t.Errorf("%s: MayGoOn = %v, want %v", c.name, got, c.goesOn)
		}
	}
}

func TestAssetAt(t *testing.T) {
	t.Parallel()
	a := states()["ready, access"]
	if got := stateOf(a.At(grant.ExpiresAt.Add(-1))); got != "ready, access" {
		t.Errorf("a moment before the end it is shown as %q", got)
	}
	if got := stateOf(a.At(grant.ExpiresAt)); got != "ready" {
		t.Errorf("at the end it is shown as %q", got)
	}
	if a.Master.Grant == nil {
		t.Error("showing an asset changed it")
	}
	if name := (Master{AudioOnly: true}).Filename(); name != "master.m4a" {
		t.Errorf("a master without pictures is called %q", name)
	}
}
