// The dialog that says what is behind a number.
(() => {
  'use strict';
  const page = window.ltadbench;
  const el = page.el;
  const dialog = document.getElementById('provenance');
  const title = document.getElementById('provenance-title');
  const where = dialog.querySelector('.where');
  const content = dialog.querySelector('.content');
  let opener = null;

  const facts = (list) => el('dl', {}, list.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, el('bdi', {}, value)))));

  const part = (name, ...children) => el('section', {}, el('h4', {}, name), ...children);

  const command = (text) => {
    const copy = el('button', { type: 'button', class: 'copy' }, 'Copy');
    const pre = el('pre', { class: 'command', tabindex: '0' }, text);
    copy.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(pre); // to be copied by hand
        copy.textContent = 'Selected';
      }
    });
    return el('div', { class: 'with-copy' }, pre, copy);
  };

  const classes = (table, number) => {
    const at = table.ids.indexOf(number.metric);
    const head = el('tr', {}, ['class', 'half', 'train', 'test'].map((t, i) => el('th', { scope: 'col', class: i > 1 ? 'n' : undefined }, t)),
      table.metrics.map((m, i) => el('th', { scope: 'col', class: i === at ? 'n mark' : 'n' }, m)));
    const rows = table.rows.map((row) => {
      const counts = number.class ? row.name === number.class : number.group === 'All' || row.group === number.group;
      return el('tr', { class: counts ? 'mark' : undefined },
        el('th', { scope: 'row' }, el('bdi', {}, row.name)), el('td', {}, row.group), el('td', { class: 'n' }, String(row.train)), el('td', { class: 'n' }, row.test),
        row.values.map((v, i) => el('td', { class: i === at ? 'n mark' : 'n', title: row.exact[i] || 'undefined' }, v)));
    });
    return el('div', { class: 'frame', tabindex: '0', role: 'region', 'aria-label': 'Metrics of each class' },
      el('table', {}, el('caption', {}, 'In percent; test images are normal + anomalous. What counts for this number is marked.'),
        el('thead', {}, head), el('tbody', {}, rows)));
  };

  const cell = (one, number, open) => {
    const c = page.cells[one.cell];
    const summary = el('summary', {}, el('strong', {}, c.seeds), ' ',
      one.value ? el('code', {}, one.value) : el('span', { class: 'tag ' + (c.status === 'failed' ? 'failed' : '') }, { done: 'undefined', failed: 'failed', missing: 'not run' }[c.status] || c.status),
      el('span', { class: 'cell-name' }, el('bdi', {}, c.name)));
    const body = [];
    if (c.problem) body.push(el('p', { class: 'message' }, el('bdi', {}, c.problem)));
    if (c.failure) {
      body.push(el('p', { class: 'message' }, el('bdi', {}, c.failure.message)));
      body.push(el('p', { class: 'who' }, `${c.failure.kind}, by the ${c.failure.source}`));
      if (c.failure.hint) body.push(el('p', { class: 'hint' }, el('strong', {}, 'Hint: '), el('bdi', {}, c.failure.hint)));
      if (c.failure.log) body.push(el('pre', { tabindex: '0' }, c.failure.log));
    }
    if (c.command) body.push(part(c.key ? 'Compute it again' : 'Compute it', command(c.command)));
    if (c.key) body.push(part('Key', el('p', { class: 'key' }, el('code', {}, c.key)), el('p', { class: 'quiet' }, 'The hash of the inputs, options and protocol below; the name of the record in the store.')));
    for (const w of c.warnings || []) body.push(el('p', { class: 'hint' }, el('bdi', {}, w)));
    if (c.inputs) {
      body.push(el('div', { class: 'columns' },
        part('Inputs', facts(c.inputs)),
        el('div', {}, c.options ? part('Options', el('pre', { tabindex: '0' }, c.options)) : null, part('Protocol', facts(c.protocol || []))),
        part('Run', facts(c.run || []))));
    }
    if (c.classes) body.push(part('Classes', classes(c.classes, number)));
    return el('details', { class: 'cell', open }, summary, el('div', { class: 'cell-body' }, body));
  };

  const fill = (id, number) => {
    title.textContent = number.title;
    where.textContent = number.where;
    const big = el('p', { class: 'big' + (number.state ? ' ' + number.state : '') }, number.text === '-' ? 'not run' : number.text,
      number.std ? el('span', { class: 'std' }, ' ±' + number.std) : null, number.mean ? el('span', { class: 'unit' }, ' %') : null);
    const out = [big];
    const exact = [];
    if (number.mean) exact.push(['All digits', number.mean + (number.spread ? ' ± ' + number.spread : '')]);
    if (number.of) exact.push(['It is', number.of]);
    if (number.published) {
      exact.push(['Published', number.published.value + ', ' + number.published.source]);
      for (const remark of number.published.remarks || []) exact.push(['Remark', remark]);
    }
    if (exact.length) out.push(facts(exact));
    const link = el('button', { type: 'button', class: 'copy' }, 'Copy link to this number');
    link.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(location.href.split('#')[0] + '#n=' + id);
        link.textContent = 'Copied';
      } catch {
        link.textContent = 'It is in the address bar';
      }
    });
    const count = number.cells.length;
    out.push(el('div', { class: 'cells-head' }, el('h3', {}, count === 1 ? 'The cell behind it' : `The ${count} cells behind it`), link));
    out.push(...number.cells.map((one) => cell(one, number, count === 1)));
    content.replaceChildren(...out);
  };

  const open = (id, from) => {
    const number = Object.hasOwn(page.numbers, id) ? page.numbers[id] : null;
    if (!number) return;
    opener = from;
    fill(id, number);
    if (!dialog.open) dialog.showModal();
    dialog.querySelector('.sheet-body').scrollTop = 0;
    dialog.querySelector('.close').focus();
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-n]');
    if (!button) return;
    page.set('n', [button.dataset.n]);
    open(button.dataset.n, button);
  });
  dialog.querySelector('.close').addEventListener('click', () => dialog.close());
  // A click beside the dialog is one on its backdrop.
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => {
    page.set('n', []);
    content.replaceChildren();
    if (opener && opener.isConnected) opener.focus();
    opener = null;
  });

  page.onState(() => {
    const id = page.get('n')[0];
    if (!id) {
      if (dialog.open) dialog.close();
      return;
    }
    const button = [...document.querySelectorAll('button[data-n]')].find((b) => b.dataset.n === id && b.offsetParent !== null);
    if (button && !dialog.open) button.scrollIntoView({ block: 'center' });
    open(id, button || null);
  });
})();
