/**
 * Loaded before the program of every server that is measured: it tells the CPU time that its process has used so far, in µs,
 * whenever it is asked, and ends with the process that has started it.
 */
process.on('message', () => process.send?.(process.cpuUsage()))
process.on('disconnect', () => process.exit())
