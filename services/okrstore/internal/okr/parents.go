package okr

import (
	"errors"
	"fmt"
	"slices"
)

// MaxLevels is how many objectives stand above each other at most, the lowest included.
const MaxLevels = 10

// What is wrong with a parent.
var (
	ErrParentMissing = errors.New("there is no such objective")
	ErrParentLoop    = errors.New("it stands below the objective itself")
	ErrParentDepth   = fmt.Errorf("at most %d objectives stand above each other", MaxLevels)
)

// CheckParent decides whether the objective id may stand under a parent. above are the parent, the parent's parent and so
// on, as far as there are any, or MaxLevels of them where there are more. below is how many levels stand below the objective.
func CheckParent(id string, above []string, below int) error {
	switch {
	case len(above) == 0:
		return ErrParentMissing
	case slices.Contains(above, id):
		return ErrParentLoop
	case len(above)+1+below > MaxLevels:
		return ErrParentDepth
	}
	return nil
}
