// Filters by dataset, class and method. They hide tables, rows, columns and pictures.
(() => {
  'use strict';
  const page = window.ltadbench;
  const status = document.querySelector('.status');
  const menus = [...document.querySelectorAll('.menu')];
  const kinds = menus.map((menu) => {
    const boxes = [...menu.querySelectorAll('input[type=checkbox]')];
    return { key: menu.dataset.filter, menu, boxes, names: page[menu.dataset.filter] };
  });
  const kind = (key) => kinds.find((k) => k.key === key);
  const chosen = (key) => {
    const k = kind(key);
    return k ? new Set(k.boxes.filter((b) => b.checked).map((b) => Number(b.value))) : null;
  };
  // passes says whether any of the element's indices is chosen; what has none passes.
  const passes = (element, name, set) => {
    const list = page.indices(element, name);
    return !set || list.length === 0 || list.some((i) => set.has(i));
  };

  // say puts a message where it is read out.
  page.say = (text) => { status.textContent = text; };

  const filterTable = (section, classes, methods) => {
    const table = section.querySelector('table');
    for (const cell of table.querySelectorAll('[data-col][data-m]')) cell.hidden = !passes(cell, 'm', methods);
    for (const group of table.querySelectorAll('[data-group]')) group.hidden = true;
    // A group is as wide as those of its columns that are left.
    if (table.tHead.rows.length > 1) {
      const below = [...table.tHead.rows[1].cells];
      let at = 0;
      for (const group of table.tHead.rows[0].querySelectorAll('[data-group]')) {
        group.dataset.span = group.dataset.span || group.colSpan;
        const span = Number(group.dataset.span);
        const left = below.slice(at, at + span).filter((c) => !c.hidden).length;
        at += span;
        group.hidden = left === 0;
        if (left) group.colSpan = left;
      }
    }
    let partial = [...table.querySelectorAll('thead [data-m]')].some((c) => c.hidden);
    let shown = 0;
    let all = 0;
    for (const row of table.querySelectorAll('tbody tr')) {
      row.hidden = !passes(row, 'c', classes) || !passes(row, 'm', methods);
      all++;
      if (!row.hidden) shown++;
      partial = partial || !passes(row, 'm', methods);
    }
    section.querySelector('.among').hidden = !partial;
    const columns = [...table.tHead.querySelectorAll('[data-col][data-m]')];
    section.hidden = shown === 0 || (columns.length > 0 && columns.every((c) => c.hidden));
    return section.hidden ? [0, all] : [shown, all];
  };

  const apply = () => {
    const datasets = chosen('dataset');
    const classes = chosen('class');
    const methods = chosen('method');
    let rows = [0, 0];
    for (const section of document.querySelectorAll('.table')) {
      const [shown, all] = filterTable(section, classes, methods);
      if (!passes(section, 'd', datasets)) section.hidden = true;
      rows = [rows[0] + (section.hidden ? 0 : shown), rows[1] + all];
    }
    const pictures = [0, 0];
    for (const sheet of document.querySelectorAll('.sheet')) {
      let left = 0;
      for (const row of sheet.querySelectorAll('.row')) {
        row.hidden = !passes(row, 'c', classes) || (page.rule !== undefined && page.rule !== '' && row.dataset.rule !== page.rule);
        for (const tile of row.querySelectorAll('[data-m]')) tile.hidden = !passes(tile, 'm', methods);
        if (!row.hidden) left++;
        pictures[1]++;
      }
      sheet.hidden = left === 0 || !passes(sheet, 'd', datasets);
      if (!sheet.hidden) pictures[0] += left;
    }
    for (const one of document.querySelectorAll('.failure')) {
      one.hidden = !passes(one, 'd', datasets) || !passes(one, 'm', methods);
    }
    for (const part of document.querySelectorAll('.part')) {
      const nothing = part.querySelector('.nothing');
      if (nothing) nothing.hidden = [...part.querySelectorAll('.table, .sheet, .failure')].some((e) => !e.hidden);
    }
    let filtered = Boolean(page.rule);
    for (const k of kinds) {
      const n = k.boxes.filter((b) => b.checked).length;
      const some = n < k.boxes.length;
      filtered = filtered || some;
      const count = k.menu.querySelector('[data-count]');
      count.textContent = `${n}/${k.boxes.length}`;
      count.style.minWidth = 2 * String(k.boxes.length).length + 0.6 + 'ch'; // nothing moves
      k.menu.classList.toggle('some', some);
    }
    for (const button of document.querySelectorAll('.bar [data-reset]')) button.disabled = !filtered;
    const count = ([shown, all], noun) => (shown === all ? `${all} ${noun}` : `${shown} of ${all} ${noun}`);
    page.say([count(rows, 'rows'), pictures[1] ? count(pictures, 'pictures') : ''].filter(Boolean).join(', '));
    if (page.pin) page.pin();
  };
  page.filter = apply;

  // The shorter list of names goes into the address: those shown or those hidden.
  const save = () => {
    for (const k of kinds) {
      const on = k.boxes.filter((b) => b.checked);
      const off = k.boxes.filter((b) => !b.checked);
      const names = (boxes) => boxes.map((b) => k.names[Number(b.value)]);
      page.set(k.key, off.length && on.length && on.length <= off.length ? names(on) : []);
      page.set('no-' + k.key, off.length && (!on.length || on.length > off.length) ? names(off) : []);
    }
  };
  page.onState(() => {
    for (const k of kinds) {
      const on = page.get(k.key);
      const off = page.get('no-' + k.key);
      for (const box of k.boxes) {
        const name = k.names[Number(box.value)];
        box.checked = (on.length === 0 || on.includes(name)) && !off.includes(name);
      }
    }
    apply();
  });

  const change = () => { save(); apply(); };
  for (const k of kinds) {
    k.menu.addEventListener('change', (event) => { if (event.target.type === 'checkbox') change(); });
    k.menu.querySelector('[data-all]').addEventListener('click', () => set(k, true));
    k.menu.querySelector('[data-none]').addEventListener('click', () => set(k, false));
    const find = k.menu.querySelector('.find');
    if (find) {
      find.addEventListener('input', () => {
        const text = find.value.toLowerCase();
        for (const label of k.menu.querySelectorAll('.options label')) {
          label.hidden = !label.textContent.toLowerCase().includes(text);
        }
      });
    }
  }
  // All and None are about those that the search leaves.
  const set = (k, value) => {
    for (const box of k.boxes) if (!box.closest('label').hidden) box.checked = value;
    change();
  };
  document.addEventListener('click', (event) => {
    const reset = event.target.closest('[data-reset]');
    if (reset) {
      for (const k of kinds) for (const box of k.boxes) box.checked = true;
      if (page.resetGallery) page.resetGallery();
      change();
      // The button goes or is disabled: the focus moves on rather than get lost.
      (reset.closest('.part') || document.querySelector('.menu summary')).focus({ preventScroll: true });
    }
    for (const menu of menus) if (menu.open && !menu.contains(event.target)) menu.open = false;
  });
  for (const menu of menus) {
    // The list opens to the left, but not beyond the page's edge.
    menu.addEventListener('toggle', () => {
      const panel = menu.querySelector('.panel');
      panel.style.right = '';
      const beyond = 8 - panel.getBoundingClientRect().left;
      if (menu.open && beyond > 0) panel.style.right = -beyond + 'px';
    });
    menu.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !menu.open) return;
      menu.open = false;
      menu.querySelector('summary').focus();
    });
    menu.addEventListener('focusout', (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
    });
  }
  document.querySelector('.filters').addEventListener('submit', (event) => event.preventDefault());
})();
