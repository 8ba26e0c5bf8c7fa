/** A process that says nothing, and lives until its parent lets go of it. */
process.on('disconnect', () => process.exit())
