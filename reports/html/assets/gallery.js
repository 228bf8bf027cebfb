// The gallery's controls. What they change are SVG filters and attributes that the
// style sheet knows: a page from disk may not read the pixels of its pictures.
(() => {
  'use strict';
  const page = window.ltadbench;
  const form = document.querySelector('.controls');
  const sheets = document.querySelector('.sheets');
  const level = document.getElementById('level');
  const opacity = document.getElementById('opacity');
  const values = document.getElementById('threshold-values');
  const controls = [...form.querySelectorAll('[data-state]')];
  const names = [...new Set(controls.map((c) => c.name))];

  const read = (name) => form.elements[name].value;
  const standard = {};
  for (const name of names) standard[name] = read(name);

  const apply = () => {
    const at = Number(level.value);
    // An entry for each level: what has at least the chosen one is marked.
    values.setAttribute('tableValues', page.rates.map((_, i) => (i >= at ? 1 : 0)).join(' '));
    document.getElementById('rate').value = page.rates[at];
    level.setAttribute('aria-valuetext', page.rates[at]);
    const percent = opacity.value + ' %';
    document.getElementById('opacity-text').value = percent;
    opacity.setAttribute('aria-valuetext', percent);
    sheets.style.setProperty('--opacity', String(opacity.value / 100));
    for (const name of ['map', 'mask', 'image']) sheets.dataset[name] = read(name);
    page.rule = form.elements.rule ? form.elements.rule.value : '';
  };

  // The slider's track is the scale's colours from its first level on.
  const first = Number(level.min);
  level.style.setProperty('--scale', `linear-gradient(to right, ${page.colours.slice(first).join(', ')})`);

  form.addEventListener('input', (event) => {
    const name = event.target.name;
    // Who moves the threshold wants to see it.
    if (name === 'level') form.elements.map.value = 'threshold';
    apply();
    if (name === 'rule') page.filter();
  });
  // The address follows when a slider is let go: browsers refuse to change it as often
  // as a slider moves.
  form.addEventListener('change', () => {
    for (const name of names) page.set(name, read(name) === standard[name] ? [] : [read(name)]);
  });
  form.addEventListener('submit', (event) => event.preventDefault());

  page.resetGallery = () => {
    if (!form.elements.rule) return;
    form.elements.rule.value = '';
    page.set('rule', []);
    apply();
  };

  page.onState(() => {
    for (const name of names) {
      const value = page.get(name)[0];
      const field = form.elements[name];
      const before = field.value;
      field.value = value === undefined ? standard[name] : value;
      // A value that is none of the choices leaves nothing chosen.
      if (field.value === '' && standard[name] !== '' || field.selectedIndex === -1) field.value = before;
    }
    apply();
    page.filter();
  });
})();
