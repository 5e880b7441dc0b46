/**
 * Loaded into the daemon before itself (`node --import`): at SIGUSR2 its event loop goes round no more, as if
 * a bug never came to an end. Its process lives, and keeps all it has open.
 */
process.on('SIGUSR2', () => {
  for (;;);
});
