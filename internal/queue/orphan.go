package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

const (
	// orphansAtOnce is the size of the pages in which running jobs are looked through.
	orphansAtOnce = 1000
	// deathsMax is how often the process may die in a job's runs after its last attempt, before the job is held to be
	// the reason and dropped.
	deathsMax = 10
)

// takeBack makes the jobs available again whose last run was by a node that dead names.
func (n *node) takeBack(ctx context.Context, dead func(id string) bool) error {
	jobs, err := n.list(ctx)
	if err != nil {
		return err
	}
	return n.setFree(ctx, jobs, dead)
}

// list returns the jobs that are running, on whatever node.
func (n *node) list(ctx context.Context) ([]*rivertype.JobRow, error) {
	var all []*rivertype.JobRow
	params := river.NewJobListParams().States(rivertype.JobStateRunning).
		OrderBy(river.JobListOrderByID, river.SortOrderAsc).First(orphansAtOnce)
	for {
		page, err := n.client.JobList(ctx, params)
		if err != nil {
			return nil, fmt.Errorf("list running jobs: %w", err)
		}
		all = append(all, page.Jobs...)
		if len(page.Jobs) < orphansAtOnce {
			return all, nil
		}
		params = params.After(page.LastCursor)
	}
}

// setFree makes those of the jobs available whose node is dead, also when their attempts are used up: the handler is
// to tell the end. River's operation for the purpose, JobRescueMany, would also set back a job that has ended
// meanwhile; this one changes running jobs only.
func (n *node) setFree(ctx context.Context, jobs []*rivertype.JobRow, dead func(id string) bool) error {
	now := time.Now()
	many := &riverdriver.JobSetStateIfRunningManyParams{}
	for _, job := range jobs {
		var id string
		if by := job.AttemptedBy; len(by) > 0 {
			id = by[len(by)-1]
		}
		if !dead(id) {
			continue
		}
		died, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: job.Attempt, Error: "the process died: node " + id})
		if err != nil {
			return fmt.Errorf("take back job %d: %w", job.ID, err)
		}
		set := riverdriver.JobSetStateErrorAvailable(job.ID, now, died, nil)
		if job.Attempt >= job.MaxAttempts+deathsMax {
			set = riverdriver.JobSetStateDiscarded(job.ID, now, died, nil)
		}
		add(many, set)
		n.q.cfg.Log.WarnContext(ctx, "job taken back from a process that died",
			"kind", job.Kind, "job", job.ID, "attempt", job.Attempt, "node", id, "state", set.State)
	}
	if len(many.ID) == 0 {
		return nil
	}
	if _, err := n.client.Driver().GetExecutor().JobSetStateIfRunningMany(ctx, many); err != nil {
		return fmt.Errorf("take back %d jobs: %w", len(many.ID), err)
	}
	return nil
}

func add(many *riverdriver.JobSetStateIfRunningManyParams, p *riverdriver.JobSetStateIfRunningParams) {
	many.ID = append(many.ID, p.ID)
	many.Attempt = append(many.Attempt, p.Attempt)
	many.ErrData = append(many.ErrData, p.ErrData)
	many.FinalizedAt = append(many.FinalizedAt, p.FinalizedAt)
	many.MetadataDoMerge = append(many.MetadataDoMerge, p.MetadataDoMerge)
	many.MetadataUpdates = append(many.MetadataUpdates, p.MetadataUpdates)
	many.ScheduledAt = append(many.ScheduledAt, p.ScheduledAt)
	many.State = append(many.State, p.State)
}
