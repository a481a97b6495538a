package api

import (
	"time"

	"github.com/df0f9dda/okr-manager/services/devidp/internal/state"
)

type sendPasscodeRequest struct {
	EmailAddress      string `json:"email_address"`
	ExpirationMinutes *int   `json:"discovery_expiration_minutes"`
}

// sendPasscode puts a code into the outbox. It replaces one that is outstanding.
func (c *call) sendPasscode(req sendPasscodeRequest) (any, error) {
	if err := checkEmail(req.EmailAddress); err != nil {
		return nil, err
	}
	life := state.PasscodeLife
	if m := req.ExpirationMinutes; m != nil {
		if *m < 2 || *m > 15 {
			return nil, badRequest("invalid_expiration_otp", "discovery_expiration_minutes must be from 2 to 15.")
		}
		life = time.Duration(*m) * time.Minute
	}
	code, err := state.NewPasscode()
	if err != nil {
		return nil, err
	}
	c.tx.Passcodes().Put(state.NormalEmail(req.EmailAddress), state.Passcode{
		CodeMAC: c.mac.Passcode(req.EmailAddress, code), ExpiresAt: c.now.Add(life),
	})
	c.tx.Mail(state.Message{To: req.EmailAddress, Subject: "Your sign-in code", Code: code, CreateTime: c.now})
	return nil, nil
}

type authenticatePasscodeRequest struct {
	EmailAddress string `json:"email_address"`
	Code         string `json:"code"`
}

// authenticatePasscode takes a code once. Wrong codes count, also those that arrive at the same time, because each try
// is a transaction of its own; the sixth try finds the code spent, whatever it is.
func (c *call) authenticatePasscode(req authenticatePasscodeRequest) (any, error) {
	key := state.NormalEmail(req.EmailAddress)
	pending, found := c.tx.Passcodes().Get(key)
	if !found {
		return nil, notFound("otp_code_not_found", "There is no code for this address: send one first.")
	}
	if pending.Used || !c.now.Before(pending.ExpiresAt) || pending.Tries >= state.MaxPasscodeTries {
		return nil, unauthorized("unable_to_auth_otp_code", "The code was used, has expired or was tried too often: send another one.")
	}
	if !c.mac.PasscodeMatches(pending.CodeMAC, req.EmailAddress, req.Code) {
		pending.Tries++
		c.tx.Passcodes().Put(key, pending)
		return nil, notFound("otp_code_not_found", "The code is not the one that was sent.").keeping()
	}
	pending.Used = true
	c.tx.Passcodes().Put(key, pending)
	return c.discovered(proof{email: key, factors: []state.Factor{c.emailFactor("email_otp", key)}}), nil
}
