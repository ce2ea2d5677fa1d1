// table: columns that line up, and the few statistics that the bench prints.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** "1.31 (1.24 – 1.35)" */
export function spread(values, digits = 2) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)} – ${high.toFixed(digits)})`;
}

export function thousands(value) {
  return Math.round(value).toLocaleString("en-US");
}

export function micros(us) {
  return us < 10_000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(1)} ms`;
}

/** Prints rows under a head; the first column is text, the others are figures. */
export function printTable(head, rows) {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...all.map((row) => [...row[i]].length)));
  const line = (row) =>
    row.map((cell, i) => {
      const pad = " ".repeat(widths[i] - [...cell].length);
      return i === 0 ? cell + pad : pad + cell;
    });
  console.log(line(all[0]).join("  "));
  console.log(widths.map((width) => "─".repeat(width)).join("  "));
  for (const row of all.slice(1)) console.log(line(row).join("  ").trimEnd());
  console.log();
}
