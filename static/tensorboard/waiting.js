// On the page that excuses a TensorBoard which is not up yet: look again. A refresh by <meta> would not: to the same
// address with a fragment (#timeseries) it only scrolls.
{
  const seconds = Number(document.currentScript.dataset.seconds);
  setTimeout(() => location.reload(), seconds * 1000);
}
