// Tables that sort by their headings, and whose leading columns stay in sight.
(() => {
  'use strict';
  const page = window.ltadbench;
  const tables = [...document.querySelectorAll('.table table')];

  // Lines that belong to the one above move with it.
  const blocks = (body) => {
    const out = [];
    for (const row of body.rows) {
      if ('follow' in row.dataset && out.length) out[out.length - 1].push(row);
      else out.push([row]);
    }
    return out;
  };
  const original = new Map();
  for (const table of tables) {
    for (const body of table.tBodies) original.set(body, blocks(body));
  }

  const keyOf = (row, column) => {
    const cell = row.querySelector(`:scope > [data-col="${column}"]`);
    if (!cell) return null;
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    if (cell.localName === 'td') return null; // no number
    return cell.textContent.trim() || null;
  };
  const compare = (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b
    : String(a).localeCompare(String(b), 'en', { numeric: true }));

  // sort orders the rows: direction is 'ascending', 'descending' or 'none', the order
  // that the report has. Rows without a value come last, either way.
  const sort = (table, column, direction) => {
    const sign = direction === 'descending' ? -1 : 1;
    for (const body of table.tBodies) {
      let list = original.get(body);
      if (direction !== 'none' && !('fixed' in body.dataset)) {
        list = list.map((rows) => ({ rows, key: keyOf(rows[0], column) }));
        list.sort((a, b) => (a.key === null || b.key === null
          ? (a.key === null) - (b.key === null) : sign * compare(a.key, b.key)));
        list = list.map((one) => one.rows);
      }
      body.append(...list.flat());
    }
    table.classList.toggle('sorted', direction !== 'none');
    for (const head of table.tHead.querySelectorAll('[data-col]')) {
      if (direction !== 'none' && head.dataset.col === String(column)) head.setAttribute('aria-sort', direction);
      else head.removeAttribute('aria-sort');
    }
  };

  const next = (head) => {
    const order = 'numeric' in head.dataset ? ['descending', 'ascending', 'none'] : ['ascending', 'descending', 'none'];
    return order[(order.indexOf(head.getAttribute('aria-sort')) + 1) % order.length];
  };

  const save = () => {
    const out = [];
    for (const table of tables) {
      const head = table.tHead.querySelector('[aria-sort]');
      if (head) out.push([table.id, head.dataset.col, head.getAttribute('aria-sort')].join('.'));
    }
    page.set('sort', out);
  };

  for (const table of tables) {
    table.tHead.addEventListener('click', (event) => {
      const button = event.target.closest('.sort');
      if (!button) return;
      const head = button.closest('th');
      const direction = next(head);
      sort(table, head.dataset.col, direction);
      save();
      page.say(direction === 'none' ? 'Original order' : `Sorted by ${button.textContent}, ${direction}`);
    });
  }

  page.onState(() => {
    const wanted = new Map();
    for (const text of page.get('sort')) {
      const [id, column, direction] = text.split('.');
      if (/^\d+$/.test(column || '') && ['ascending', 'descending'].includes(direction)) wanted.set(id, [column, direction]);
    }
    for (const table of tables) {
      const [column, direction] = wanted.get(table.id) || ['0', 'none'];
      sort(table, column, direction);
    }
  });

  // The leading columns stay at the left if there is room for them, else the first does.
  const pin = () => {
    document.documentElement.style.setProperty('--bar', document.querySelector('.bar').offsetHeight + 'px');
    for (const table of tables) {
      const frame = table.parentElement;
      const labels = [...table.tHead.rows[0].cells].filter((c) => c.classList.contains('label'));
      let left = 0;
      const places = [];
      for (const head of labels) {
        const width = head.offsetWidth;
        if (places.length && left + width > frame.clientWidth * 0.5) break;
        places.push(left);
        left += width;
      }
      for (let i = 0; i < labels.length; i++) {
        for (const cell of table.querySelectorAll(`.label[data-col="${i}"]`)) {
          cell.classList.toggle('pinned', i < places.length);
          cell.style.left = i < places.length ? places[i] + 'px' : '';
        }
      }
      frame.classList.toggle('wide', table.offsetWidth > frame.clientWidth);
      // A frame that cannot scroll is no stop for the keyboard.
      const scrolls = frame.scrollWidth > frame.clientWidth || frame.scrollHeight > frame.clientHeight;
      if (scrolls) frame.setAttribute('tabindex', '0');
      else frame.removeAttribute('tabindex');
      table.style.setProperty('--pinned', left + 'px');
      // The second row of headings stays below the first.
      const group = table.tHead.querySelector('.group:not([hidden])');
      if (group) table.style.setProperty('--first', group.offsetHeight + 'px');
    }
  };
  page.pin = pin;
  addEventListener('load', pin);
  addEventListener('resize', pin);
})();
