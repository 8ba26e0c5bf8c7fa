export { type AppOptions, buildApp } from './app.ts'
export { styles } from './styles.ts'
