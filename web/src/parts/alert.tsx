/** Says what went wrong, aloud, too. Nothing without a text. */
export const Alert = ({ text }: { text: string | false | undefined }) =>
  text ? (
    <p class="error" role="alert">
      {text}
    </p>
  ) : null;
