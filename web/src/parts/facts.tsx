import type { Fact } from '../model/facts.ts';

export const Facts = ({ facts }: { facts: Fact[] }) => (
  <dl class="facts">
    {facts.map(({ id, name, value, code, hint }) => (
      <div key={id ?? name}>
        <dt dir="auto">{name}</dt>
        <dd class={code ? 'code' : ''} dir="auto">
          {value}
        </dd>
        {hint && <dd class="hint">{hint}</dd>}
      </div>
    ))}
  </dl>
);
