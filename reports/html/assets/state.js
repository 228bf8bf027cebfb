// The state of the view (filters, sorting, the open number, the gallery's controls) is
// in the address, after #, so that a view can be shared.
(() => {
  'use strict';
  const page = window.ltadbench;
  const listeners = [];
  document.documentElement.classList.add('scripted');

  // An address such as #gallery, without "=", is that of a place and has no state.
  const parse = () => new URLSearchParams(location.hash.includes('=') ? location.hash.slice(1) : '');
  let params = parse();

  const show = (how) => {
    const text = params.toString();
    history[how](null, '', text ? '#' + text : location.href.split('#')[0]);
  };

  page.get = (name) => params.getAll(name);

  page.set = (name, values, how = 'replaceState') => {
    params.delete(name);
    for (const value of values) params.append(name, value);
    show(how);
  };

  // fn is called once all scripts are there, and whenever the address changes.
  page.onState = (fn) => listeners.push(fn);

  const go = (id, smooth) => {
    const place = document.getElementById(id);
    if (!place) return;
    for (const old of document.querySelectorAll('.here')) old.classList.remove('here');
    if (place.matches('.notes li')) place.classList.add('here');
    for (let d = place.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
    place.focus({ preventScroll: true });
    const still = !smooth || matchMedia('(prefers-reduced-motion: reduce)').matches;
    place.scrollIntoView({ block: place.matches('.part, main') ? 'start' : 'center', behavior: still ? 'auto' : 'smooth' });
  };

  // Links within the page keep the state.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const id = link.getAttribute('href').slice(1);
    page.set('at', [id], 'pushState');
    go(id, true);
  });

  const apply = () => {
    params = parse();
    for (const fn of listeners) fn();
    if (page.get('at').length) go(page.get('at')[0], false);
  };
  addEventListener('hashchange', apply);
  addEventListener('popstate', apply);
  addEventListener('DOMContentLoaded', apply);

  // el makes an element; strings become text, never markup.
  page.el = (name, attributes, ...children) => {
    const out = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === true) out.setAttribute(key, '');
      else if (value !== false && value !== undefined) out.setAttribute(key, value);
    }
    out.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
    return out;
  };

  // indices reads a list of numbers from an attribute.
  page.indices = (element, name) => (element.dataset[name] || '').split(' ').filter(Boolean).map(Number);
})();
