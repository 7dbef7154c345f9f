package catalog

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// queries returns every constant of type query of this package, read from its source, and fails for SQL that is not
// one: so no statement escapes the tests below.
func queries(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		must(t, err)
		known := map[ast.Expr]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "query" {
					text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
					must(t, err)
					found[spec.Names[0].Name] = text
					known[spec.Values[0]] = true
				}
			}
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !known[lit] {
				for _, verb := range []string{"SELECT ", "INSERT ", "UPDATE ", "DELETE "} {
					if strings.HasPrefix(strings.TrimLeft(lit.Value, "`\" \n\t"), verb) {
						t.Errorf("%s: a statement that is no constant of type query: %s", file, lit.Value)
					}
				}
			}
			return true
		})
	}
	if len(found) < 50 {
		t.Fatalf("found only %d queries: the reader of the source is broken", len(found))
	}
	return found
}

func TestEveryQueryPreparesOnBoth(t *testing.T) {
	t.Parallel()
	all := queries(t)
	for name, open := range worlds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t)
			for name, text := range all {
				if err := w.prepare(t.Context(), text); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func (w *world) prepare(ctx context.Context, text string) error {
	stmt, err := w.db.Write().PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer stmt.Close()
	return nil
}

// TestQueriesUseIndexes asks SQLite how it would run each statement: none may read a whole table or sort what an index
// has in order. The exceptions have a reason.
func TestQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	exceptions := map[string]string{
		"selectEnvironments":      "all of them are asked for, and they are few",
		"selectDeliveriesOfEvent": "sorts the webhooks of one event",
	}
	w := sqlite(t)
	for name, text := range queries(t) {
		plan := w.plan(t, text)
		bad := ""
		for _, step := range plan {
			if strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "USING") && !strings.Contains(step, "CONSTANT ROW") || strings.Contains(step, "TEMP B-TREE") {
				bad = step
			}
		}
		if _, excepted := exceptions[name]; (bad != "") != excepted {
			t.Errorf("%s: %q (exception: %v)\n%s", name, bad, excepted, strings.Join(plan, "\n"))
		}
	}
}

// plan returns SQLite's plan of a statement, a line per step.
func (w *world) plan(t *testing.T, text string) []string {
	t.Helper()
	args := make([]any, strings.Count(text, "$"))
	rows, err := w.db.Write().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	must(t, err)
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var (
			id, parent, unused int
			step               string
		)
		must(t, rows.Scan(&id, &parent, &unused, &step))
		steps = append(steps, step)
	}
	must(t, rows.Err())
	return steps
}
