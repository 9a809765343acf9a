'use strict';
// Sorting, filtering and the link between the table and the picture. The page is complete without
// it. What is chosen stands in the address after #, so that a view can be kept and passed on.
(() => {
  const view = new URLSearchParams(location.hash.slice(1));
  const keep = () => {
    const text = view.toString();
    history.replaceState(null, '', text ? '#' + text : location.pathname + location.search);
  };

  // Numbers before texts, absent cells last in either direction.
  const keyOf = (cell) => {
    const key = cell.dataset.sort;
    if (key === '') return null;
    return key === undefined ? cell.textContent.trim() : Number(key);
  };
  const compare = (a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    if (typeof a === 'number') return -1;
    if (typeof b === 'number') return 1;
    return a.localeCompare(b, undefined, {numeric: true});
  };
  const sort = (table, column, direction) => {
    const sign = direction === 'descending' ? -1 : 1;
    const rows = [...table.tBodies[0].rows].map((row) => ({row, key: keyOf(row.cells[column])}));
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return sign * compare(a.key, b.key);
    });
    table.tBodies[0].append(...rows.map((r) => r.row));
    [...table.tHead.rows[0].cells].forEach((cell, i) => {
      if (i === column) cell.setAttribute('aria-sort', direction);
      else cell.removeAttribute('aria-sort');
    });
  };
  for (const table of document.querySelectorAll('table.sortable')) {
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      cell.firstChild.addEventListener('click', () => {
        const direction =
            cell.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
        sort(table, column, direction);
        view.set('sort.' + table.id, column + '.' + direction);
        keep();
      });
    });
    const [column, direction] = (view.get('sort.' + table.id) || '').split('.');
    if (/^\d+$/.test(column) && Number(column) < table.tHead.rows[0].cells.length) {
      sort(table, Number(column), direction === 'descending' ? 'descending' : 'ascending');
    }
  }

  const section = document.querySelector('.filtered');
  if (!section) return;
  const rows = [...section.querySelectorAll('tbody tr')];
  const marks = [...section.querySelectorAll('g[data-cell]')];
  const bar = section.querySelector('.filters');
  const shown = section.querySelector('.shown');
  const selects = [];

  const apply = () => {
    const matches = (element) =>
      selects.every((s) => s.value === '' || element.dataset[s.name] === s.value);
    let count = 0;
    for (const row of rows) {
      row.hidden = !matches(row);
      if (!row.hidden) count++;
    }
    for (const mark of marks) mark.toggleAttribute('hidden', !matches(mark));
    shown.textContent = count === rows.length ? '' : count + ' of ' + rows.length + ' shown';
  };
  for (const name of ['variant', 'device', 'delegate', 'outcome', 'validity']) {
    const values = [...new Set(rows.map((r) => r.dataset[name]).filter((v) => v !== undefined))];
    if (values.length < 2) continue;
    const label = document.createElement('label');
    const select = document.createElement('select');
    label.append(name, select);
    select.name = name;
    select.append(new Option('all', ''));
    for (const value of values) select.append(new Option(value, value));
    if (values.includes(view.get(name))) select.value = view.get(name);
    select.addEventListener('change', () => {
      if (select.value === '') view.delete(name);
      else view.set(name, select.value);
      keep();
      apply();
    });
    selects.push(select);
    bar.append(label);
  }
  bar.hidden = selects.length === 0;
  apply();

  const mark = (id, on) => {
    for (const element of [...rows, ...marks]) {
      if (element.dataset.cell === id) element.classList.toggle('marked', on);
    }
  };
  for (const element of [...rows, ...marks]) {
    element.addEventListener('pointerenter', () => mark(element.dataset.cell, true));
    element.addEventListener('pointerleave', () => mark(element.dataset.cell, false));
  }
})();
