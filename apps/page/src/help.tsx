import { type Key, keysField } from './keys.ts'

const ID = 'keys'

export function openHelp(): void {
  const dialog = document.getElementById(ID)
  if (dialog instanceof HTMLDialogElement) dialog.showModal()
}

/** The list of all keys that do something now, and the switch that turns them off. */
export function Help({ keys }: { readonly keys: () => readonly Key[] }) {
  return (
    <dialog id={ID} aria-labelledby="keys-title">
      <form method="dialog">
        <h2 id="keys-title">Keys</h2>
        <dl>
          {keys().map(({ key, what }) => (
            <div key={key}>
              <dt>
                <kbd>{key === ' ' ? 'space' : key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <p>
          <label>
            <input
              type="checkbox"
              checked={keysField.value}
              onChange={(event) => (keysField.value = event.currentTarget.checked)}
            />{' '}
            Single keys do something
          </label>
        </p>
        <button>Close</button>
      </form>
    </dialog>
  )
}
